"""`train`, `evaluate`, `score` and `generate-history`: models from files of payments."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.fraud.commands.saying import (
    EXIT_BAD_DATA,
    EXIT_UNAVAILABLE,
    Progress,
    end,
)
from services.fraud.model.model import DEFAULT_FOLDER, Model
from services.fraud.model.schema import MODEL_FILE, SCHEMA_FILE, ModelMismatch, Schema
from shared.service_main import Command

if TYPE_CHECKING:
    from services.fraud.training.history import History

_DATA = (
    "Parquet, or CSV by its name: sec (business time in seconds), customer, terminal, cents and scenario (over 0:"
    " fraud; 0: honest; -1: not known), in order of time; known_sec may say when a fraud became known"
)


def day_range(said: str) -> tuple[int, int]:
    """`A:B`, a half-open range of days (a day's number is sec // 86400)."""
    first, colon, end_ = said.partition(":")
    if not (colon and first.isdecimal() and end_.isdecimal() and int(first) < int(end_)):
        raise argparse.ArgumentTypeError(f"{said!r} is not A:B with A under B (days A to B-1)")
    return int(first), int(end_)


def with_clear_ends(run: Callable[[Any, argparse.Namespace], None]) -> Callable[[Any, argparse.Namespace], None]:
    """Bad data and models end with a line on stderr and 65; a Python package that lacks ends with 69."""

    def guarded(settings: Any, given: argparse.Namespace) -> None:
        try:
            run(settings, given)
        except ImportError as error:
            raise end(
                f"This needs the extra `training` ({error}). Install it with: pip install 'tollgate[training]'",
                EXIT_UNAVAILABLE,
            ) from error
        except ModelMismatch as error:
            raise end(str(error), EXIT_BAD_DATA) from error
        except ValueError as error:
            from services.fraud.training.history import BadHistory  # noqa: PLC0415 - numpy alone, but no server needs it

            if not isinstance(error, BadHistory):
                raise
            raise end(str(error), EXIT_BAD_DATA) from error

    return guarded


def _read(path: Path, progress: Progress) -> "History":
    from services.fraud.training.files import read_history  # noqa: PLC0415 - pyarrow is of the extra

    progress(f"reading {path}")
    return read_history(path)


def _train(_settings: None, given: argparse.Namespace) -> None:
    from services.fraud.training.making import train  # noqa: PLC0415 - scikit-learn is of the extra

    with Progress() as progress:
        schema = train(
            _read(given.data, progress),
            train_days=given.train_days,
            validate_days=given.validate_days,
            folder=given.out,
            seed=given.seed,
            most_trees=given.trees,
            at=datetime.now(UTC),
            progress=progress,
        )
    told_training(schema, given.out)


def told_training(schema: Schema, folder: Path) -> None:
    """What a training came to."""
    _print(
        {
            "model": schema.version,
            "out": str(folder),
            "bytes": (folder / MODEL_FILE).stat().st_size,
            "payments": schema.data_rows,
            "frauds": schema.data_frauds,
            "trees": schema.trainer["trees"],
            **schema.metrics,
        }
    )


def _evaluate(_settings: None, given: argparse.Namespace) -> None:
    from services.fraud.training.judging import evaluate  # noqa: PLC0415 - scikit-learn is of the extra

    with Progress() as progress:
        model = Model.load(given.model)
        found = evaluate(
            _read(given.data, progress),
            model,
            test_days=given.test_days,
            known_from_day=given.known_from,
            progress=progress,
        )
    _print({"model": model.version, "test_days": list(given.test_days), **asdict(found)})


def _score(_settings: None, given: argparse.Namespace) -> None:
    from services.fraud.training.files import write_scores  # noqa: PLC0415 - pyarrow is of the extra
    from services.fraud.training.judging import scores  # noqa: PLC0415

    with Progress() as progress:
        model = Model.load(given.model)
        found = scores(_read(given.data, progress), model, progress=progress)
        write_scores(given.out, found)
    _print({"model": model.version, "out": str(given.out), "rows": len(found)})


def _generate(_settings: None, given: argparse.Namespace) -> None:
    from services.fraud.training.files import write_history  # noqa: PLC0415 - pyarrow is of the extra
    from services.fraud.training.generator import Town, generated  # noqa: PLC0415

    town = Town(customers=given.customers, terminals=given.terminals, days=given.days)
    columns = generated(town, seed=given.seed)
    write_history(given.out, columns)
    _print({"out": str(given.out), "rows": len(columns["sec"]), "frauds": int((columns["scenario"] > 0).sum())})


def _print(found: dict[str, Any]) -> None:
    """A line for each, the name first; what holds more is JSON."""
    for name, value in found.items():
        if isinstance(value, float):
            value = f"{value:.4f}"  # noqa: PLW2901 - as it is shown
        elif isinstance(value, (dict, list)):
            value = json.dumps(value)  # noqa: PLW2901
        sys.stdout.write(f"{name:<20} {value}\n")


def _train_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help=_DATA)
    parser.add_argument("--train-days", type=day_range, required=True, metavar="A:B", help="days A to B-1 are learnt")
    parser.add_argument(
        "--validate-days",
        type=day_range,
        metavar="C:D",
        help="days that choose the number of trees and calibrate them; best a week after the training days, when their"
        " labels are known (default: the last fifth of the training days, which are then learnt too)",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help=f"gets {MODEL_FILE} and {SCHEMA_FILE}")
    parser.add_argument("--trees", type=int, default=300, metavar="N", help="at most so many (default: 300)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed and data give the same model (default: 1)")


def _model_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, default=DEFAULT_FOLDER, metavar="DIR", help="default: the model that is shipped"
    )


def _evaluate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help=_DATA)
    _model_argument(parser)
    parser.add_argument("--test-days", type=day_range, required=True, metavar="E:F", help="days E to F-1 are judged")
    parser.add_argument(
        "--known-from",
        type=int,
        metavar="DAY",
        help="customers with a fraud since then, known by the day, are left out (default: the first training day"
        " where the file holds the model's training data, else 14 days before the test days)",
    )


def _score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, metavar="FILE", help=_DATA)
    _model_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet with the column score, 0 to 1")


def _generate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="Parquet, or CSV by its name")
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--customers", type=int, default=3_000)
    parser.add_argument("--terminals", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)


TRAIN = Command(
    "train a model on a file of payments and write it as ONNX with its schema",
    run=with_clear_ends(_train),
    add_arguments=_train_arguments,
    needs_settings=False,
)
EVALUATE = Command(
    "say how good a model is on days of a file: AUC ROC, average precision, card precision at 100, calibration",
    run=with_clear_ends(_evaluate),
    add_arguments=_evaluate_arguments,
    needs_settings=False,
)
SCORE = Command(
    "score every row of a file, history and new payments together",
    run=with_clear_ends(_score),
    add_arguments=_score_arguments,
    needs_settings=False,
)
GENERATE_HISTORY = Command(
    "write made-up payments with frauds, such as the shipped model was trained on",
    run=with_clear_ends(_generate),
    add_arguments=_generate_arguments,
    needs_settings=False,
)
