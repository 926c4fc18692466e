"""A trained model, ready to answer: one row, one thread, some tens of microseconds.

`Model.load` is the gate: it refuses a folder whose features, file or answers aren't those that were written.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy
import onnxruntime

from services.fraud.domain.model_features import FEATURES
from services.fraud.model.schema import MODEL_FILE, ModelMismatch, Schema, read_schema

DEFAULT_FOLDER = Path(__file__).parent / "default"
"""The model that is shipped: trained on generated payments, so that a new shop has one at all."""

MILLION = 1_000_000
_INPUT, _OUTPUT = "features", "probability"
_PROBE_TOLERANCE = 1e-5


class Model:
    """Gives a payment's features a calibrated probability of fraud. Safe to share between threads."""

    def __init__(self, schema: Schema, session: onnxruntime.InferenceSession) -> None:
        self.schema = schema
        self._session = session

    @classmethod
    def load(cls, folder: Path) -> "Model":
        """The model in a folder. Raises `ModelMismatch` where it is none, or none that this program can serve."""
        schema = read_schema(folder)
        path = folder / MODEL_FILE
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ModelMismatch(f"{path} can't be read: {error}.") from error
        if hashlib.sha256(raw).hexdigest() != schema.model_sha256:
            raise ModelMismatch(f"{path} is not the file that its schema was written for.")
        model = cls(schema, _session(path, raw))
        model._probe()
        return model

    @property
    def version(self) -> str:
        return self.schema.version

    def probability_ppm(self, features: Sequence[float]) -> int:
        """The probability of fraud in parts per million, rounded down; the features in the order of `FEATURES`."""
        row = numpy.array(features, numpy.float32).reshape(1, len(FEATURES))
        return int(self._run(row)[0, 0] * MILLION)

    def probabilities(self, rows: numpy.ndarray) -> numpy.ndarray:
        """The same for many rows (n x features), as floats from 0 to 1."""
        return self._run(rows.astype(numpy.float32, copy=False))[:, 0]

    def _run(self, rows: numpy.ndarray) -> numpy.ndarray:
        (found,) = self._session.run((_OUTPUT,), {_INPUT: rows})
        return numpy.asarray(found)

    def _probe(self) -> None:
        for probe in self.schema.probes:
            got = float(self.probabilities(numpy.array([probe.features], numpy.float32))[0])
            if not abs(got - probe.probability) <= _PROBE_TOLERANCE:
                raise ModelMismatch(
                    f"The model {self.version} answers {got:.6f} here where it answered {probe.probability:.6f} when"
                    " it was trained. Another onnxruntime? Train the model anew."
                )


def _session(path: Path, raw: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ModelMismatch(f"{path} is no ONNX model that this onnxruntime can run: {error}") from error
    inputs = {each.name: each.shape for each in session.get_inputs()}
    outputs = {each.name for each in session.get_outputs()}
    if list(inputs) != [_INPUT] or inputs[_INPUT][-1] != len(FEATURES) or outputs != {_OUTPUT}:
        raise ModelMismatch(f"{path} takes {inputs} and gives {outputs}; not `{_INPUT}` [n, {len(FEATURES)}].")
    return session
