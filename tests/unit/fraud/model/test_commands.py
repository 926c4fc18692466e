"""`train`, `evaluate` and `score` as they are called: from files alone, and with what they refuse."""

from pathlib import Path

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from services.fraud.__main__ import main
from services.fraud.commands.model import day_range
from services.fraud.model.model import Model
from services.fraud.training.files import write_history
from shared.service_main import CommandLine


def run(*arguments: object) -> None:
    main(CommandLine("fraud", [str(each) for each in arguments]))


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_a_model_is_trained_judged_and_used(
    history_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, out = tmp_path / "model", tmp_path / "scores.parquet"
    run("train", "--data", history_file, "--train-days", "10:45", "--out", model, "--trees", 5)
    run("evaluate", "--data", history_file, "--model", model, "--test-days", "48:60")
    run("score", "--data", history_file, "--model", model, "--out", out)
    said = capsys.readouterr().out
    assert Model.load(model).version in said
    for name in ("auc_roc", "average_precision", "card_precision_100", "calibration_error"):
        assert f"\n{name} " in said
    table = pyarrow.parquet.read_table(out)
    score = table["score"].to_numpy()
    assert table.column_names == ["score"]
    assert len(score) == pyarrow.parquet.read_table(history_file).num_rows
    assert 0 <= score.min() <= score.max() <= 1


def test_csv_is_as_good(history_file: Path, trained: Path, tmp_path: Path) -> None:
    csv, by_csv, by_parquet = tmp_path / "history.csv", tmp_path / "a.parquet", tmp_path / "b.parquet"
    pyarrow.csv.write_csv(pyarrow.parquet.read_table(history_file), csv)
    run("score", "--data", csv, "--model", trained, "--out", by_csv)
    run("score", "--data", history_file, "--model", trained, "--out", by_parquet)
    assert pyarrow.parquet.read_table(by_csv).equals(pyarrow.parquet.read_table(by_parquet))


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 65
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cents": None}, "lacks cents"),
        ({"sec": [2, 1, 3]}, "Row 2 is earlier"),
        ({"sec": [-1, 1, 3]}, "negative"),
        ({"cents": [1.5, 2.0, 3.0]}, "`cents` holds double"),
        ({"cents": [1, None, 3]}, "`cents` is empty in row 2"),
        ({"cents": [1, 2, -3]}, "Row 3 has -3 cents"),
        ({"customer": [1.5, 2.0, 3.0]}, "`customer` holds double"),
        ({"terminal": ["a", None, "b"]}, "`terminal` is empty in row 2"),
        ({"known_sec": ["a", "b", "c"]}, "`known_sec` holds string"),
    ],
)
def test_bad_file_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, trained: Path, change: dict[str, list[object]], says: str
) -> None:
    columns = {name: [1, 2, 3] for name in ("sec", "customer", "terminal", "cents")} | {"scenario": [0, 0, 1]}
    path = tmp_path / "bad.parquet"
    write_history(path, {name: value for name, value in (columns | change).items() if value is not None})
    assert says in refused(capsys, "score", "--data", path, "--model", trained, "--out", tmp_path / "out.parquet")


def test_what_is_no_file_or_no_model_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, history_file: Path, trained: Path
) -> None:
    out = tmp_path / "out.parquet"
    text = tmp_path / "text.parquet"
    text.write_text("sec,customer\n")
    empty = tmp_path / "empty.csv"
    empty.write_text("sec,customer,terminal,cents,scenario\n")
    assert "not a file" in refused(capsys, "score", "--data", tmp_path, "--model", trained, "--out", out)
    assert "can't be read" in refused(capsys, "score", "--data", text, "--model", trained, "--out", out)
    assert "no rows" in refused(capsys, "score", "--data", empty, "--model", trained, "--out", out)
    assert "no model" in refused(capsys, "score", "--data", history_file, "--model", tmp_path, "--out", out)


def test_days_that_hold_nothing_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, history_file: Path, trained: Path
) -> None:
    said = refused(capsys, "train", "--data", history_file, "--train-days", "900:950", "--out", tmp_path)
    assert "hold 0 payments" in said
    assert "to day 59" in said
    said = refused(capsys, "evaluate", "--data", history_file, "--model", trained, "--test-days", "900:950")
    assert "No payment is on days 900:950" in said


@pytest.mark.parametrize("said", ["5", "5:5", "6:5", "a:b", ":5", "-1:5", "1:2:3"])
def test_day_range_is_two_days_in_order(said: str) -> None:
    with pytest.raises(Exception, match="A:B"):
        day_range(said)


def test_strings_name_customers_too(tmp_path: Path, history_file: Path, trained: Path) -> None:
    table = pyarrow.parquet.read_table(history_file)
    named = {name: table[name].to_numpy() for name in table.column_names}
    named["customer"] = numpy.array([f"acct_{each}" for each in named["customer"]])
    path, plain, out = tmp_path / "named.parquet", tmp_path / "plain.parquet", tmp_path / "out.parquet"
    write_history(path, named)
    run("score", "--data", path, "--model", trained, "--out", out)
    run("score", "--data", history_file, "--model", trained, "--out", plain)
    assert pyarrow.parquet.read_table(out).equals(pyarrow.parquet.read_table(plain))
