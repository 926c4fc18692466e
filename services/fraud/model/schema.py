"""`schema.json`: what a model was trained on, what it takes, how good it was. Written by training, read by serving."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from services.fraud.domain.model_features import FEATURES, LABEL_DELAY_DAYS, MODEL_FEATURES_VERSION

FORMAT = "tollgate-fraud-model/1"
MODEL_FILE = "model.onnx"
SCHEMA_FILE = "schema.json"


class ModelMismatch(Exception):
    """A folder holds no model that this program can serve; the message says what doesn't fit, and what to do."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Features and the probability that they had when the model was written: the runtime has to agree."""

    features: Sequence[float]
    probability: float


@dataclass(frozen=True, slots=True)
class Schema:
    """`data_sha256` is of the training rows as they were used; `trained_at` is RFC 3339; `model_sha256` of the file
    beside it. Days are half-open ranges."""

    version: str
    trained_at: str
    model_sha256: str
    data_sha256: str
    data_rows: int
    data_frauds: int
    train_days: tuple[int, int]
    validate_days: tuple[int, int] | None
    calibrator: Mapping[str, Any]
    trainer: Mapping[str, Any]
    metrics: Mapping[str, Any]
    probes: Sequence[Probe]
    format: str = FORMAT
    features_version: int = MODEL_FEATURES_VERSION
    label_delay_days: int = LABEL_DELAY_DAYS
    features: Sequence[str] = field(default=FEATURES)

    def write(self, folder: Path) -> None:
        """Put it beside its model."""
        (folder / SCHEMA_FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")


def read_schema(folder: Path) -> Schema:
    """The schema of a model that this program can serve; raises `ModelMismatch`."""
    path = folder / SCHEMA_FILE
    try:
        raw = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelMismatch(f"{folder} holds no model: {SCHEMA_FILE} is missing.") from error
    except (OSError, ValueError) as error:
        raise ModelMismatch(f"{path} can't be read: {error}.") from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise ModelMismatch(f"{path} is not of the format {FORMAT}.")
    _same_features(path, raw)
    try:
        return Schema(**{**raw, "probes": tuple(Probe(**probe) for probe in raw["probes"])})
    except (KeyError, TypeError) as error:
        raise ModelMismatch(f"{path} lacks something, or holds too much: {error}.") from error


def _same_features(path: Path, raw: Mapping[str, Any]) -> None:
    said = raw.get("features_version"), raw.get("label_delay_days")
    ours = MODEL_FEATURES_VERSION, LABEL_DELAY_DAYS
    if said != ours:
        raise ModelMismatch(
            f"{path} is for features of version {said[0]} with labels after {said[1]} days, this program computes"
            f" version {ours[0]} with labels after {ours[1]} days. Train the model anew."
        )
    names = raw.get("features")
    if not isinstance(names, list) or tuple(names) != FEATURES:
        names = names if isinstance(names, list) else []
        missing = ", ".join(name for name in FEATURES if name not in names) or "none"
        unknown = ", ".join(str(name) for name in names if name not in FEATURES) or "none"
        raise ModelMismatch(
            f"{path} names other features than this program computes, or another order"
            f" (it lacks: {missing}; not known here: {unknown}). Train the model anew."
        )
