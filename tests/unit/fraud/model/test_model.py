"""A model in its folder: written, loaded, refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from services.fraud.domain.model_features import SECONDS_PER_DAY, Day, features_of
from services.fraud.model.model import DEFAULT_FOLDER, Model
from services.fraud.model.schema import MODEL_FILE, SCHEMA_FILE, ModelMismatch
from services.fraud.training.history import History
from services.fraud.training.judging import scores
from services.fraud.training.making import train
from tests.unit.fraud.model.conftest import TRAINED_AT

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "model"))


def rewrite(folder: Path, change: Change) -> None:
    path = folder / SCHEMA_FILE
    schema = json.loads(path.read_text())
    change(schema)
    path.write_text(json.dumps(schema))


def test_probability_is_in_parts_per_million(trained: Path) -> None:
    model = Model.load(trained)
    features = features_of(1_000, 86_400 * 100, {}, {})
    many = model.probabilities(numpy.array([features, features]))
    assert 0 < model.probability_ppm(features) < 1_000_000
    assert many[0] == many[1]
    assert model.probability_ppm(features) == pytest.approx(many[0] * 1_000_000, abs=2)


def test_same_data_and_seed_give_the_same_model(trained: Path, history: History, tmp_path: Path) -> None:
    again = train(
        history, train_days=(10, 45), validate_days=(45, 60), folder=tmp_path, seed=1, at=TRAINED_AT, most_trees=15
    )
    assert again.version == Model.load(trained).version
    assert (tmp_path / MODEL_FILE).read_bytes() == (trained / MODEL_FILE).read_bytes()


def test_scores_do_not_see_what_came_later(trained: Path, history: History) -> None:
    model = Model.load(trained)
    whole = scores(history, model)
    until = len(history) // 2
    columns = (history.second, history.customer, history.terminal, history.cents, history.scenario)
    earlier = scores(History.of(*(column[:until] for column in columns)), model)
    assert earlier == pytest.approx(whole[:until], abs=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda schema: schema["features"].reverse(), "another order"),
        (lambda schema: schema["features"].remove("cents"), "lacks: cents"),
        (lambda schema: schema["features"].append("moon"), "not known here: moon"),
        (lambda schema: schema.update(features_version=99), "features of version 99"),
        (lambda schema: schema.update(label_delay_days=3), "labels after 3 days"),
        (lambda schema: schema.update(format="other/1"), "not of the format"),
        (lambda schema: schema.pop("metrics"), "lacks something"),
        (lambda schema: schema["probes"][0].update(probability=0.987), "0.987000"),
    ],
)
def test_schema_that_does_not_fit_is_refused(folder: Path, change: Change, says: str) -> None:
    rewrite(folder, change)
    with pytest.raises(ModelMismatch, match=says):
        Model.load(folder)


def test_other_file_than_the_schemas_is_refused(folder: Path) -> None:
    path = folder / MODEL_FILE
    path.write_bytes(path.read_bytes() + b"\n")
    with pytest.raises(ModelMismatch, match="not the file"):
        Model.load(folder)


def test_folder_without_a_model_is_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelMismatch, match="holds no model"):
        Model.load(tmp_path / "nothing")
    (folder / MODEL_FILE).unlink()
    with pytest.raises(ModelMismatch, match="can't be read"):
        Model.load(folder)
    (folder / SCHEMA_FILE).write_text("{")
    with pytest.raises(ModelMismatch, match="can't be read"):
        Model.load(folder)


def test_shipped_model_is_small_and_calm() -> None:
    """It takes under 300 KiB; a first payment, the usual one and the hundredth of the day go on by it; a terminal
    where all were frauds is told from others."""
    model = Model.load(DEFAULT_FOLDER)
    assert (DEFAULT_FOLDER / MODEL_FILE).stat().st_size < 300 * 1024
    today = 20_000
    noon = today * SECONDS_PER_DAY + SECONDS_PER_DAY // 2
    for cents in (1, 100, 1_000, 10_000):
        usual = {today - lag: Day(1, cents) for lag in (3, 9, 20)}
        often = {today: Day(99, 99 * cents)}
        assert model.probability_ppm(features_of(cents, noon, {}, {})) < 200_000
        assert model.probability_ppm(features_of(cents, noon, usual, usual)) < 20_000
        assert model.probability_ppm(features_of(cents, noon, often, often)) < 500_000
        frauds = {today - lag: Day(2, 2 * cents, 2) for lag in (8, 9, 12, 20)}
        assert model.probability_ppm(features_of(cents, noon, usual, frauds)) > 500_000
