"""A small town's history and a small model of it, made once for the tests of this folder."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
from threadpoolctl import threadpool_limits

from services.fraud.training.files import write_history
from services.fraud.training.generator import Town, generated
from services.fraud.training.history import History
from services.fraud.training.making import train

TOWN = Town(customers=120, terminals=80, days=60)
TRAINED_AT = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other in a spin cost more than so few payments are worth."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="package")
def columns() -> dict[str, "numpy.ndarray"]:
    return generated(TOWN, seed=5)


@pytest.fixture(scope="package")
def history(columns: dict[str, "numpy.ndarray"]) -> History:
    return History.of(*(columns[name] for name in ("sec", "customer", "terminal", "cents", "scenario")))


@pytest.fixture(scope="package")
def history_file(columns: dict[str, "numpy.ndarray"], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.parquet"
    write_history(path, columns)
    return path


@pytest.fixture(scope="package")
def trained(history: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(history, train_days=(10, 45), validate_days=(45, 60), folder=folder, seed=1, at=TRAINED_AT, most_trees=15)
    return folder
