"""L13's streams: apart in files, whole lines, whoever writes and however often they are rotated."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.log_streams import FILES, LogFile
from shared.telemetry import configure_logging, logger, logger_of

EARLY = logger_of("licenses")
"""Made at import, as modules do."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    configure_logging("tests", "info", folder=tmp_path / "logs")
    yield tmp_path / "logs"
    configure_logging("tests", "warning")


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_stream_stands_in_its_own_file_and_in_the_common_log(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("tests", "info", folder=folder)  # anew, for the stderr that is captured
    logger_of("stripe").info("stripe_refused", code="card_declined")
    logger_of("subscriptions").warning("suspended", subscription_id="sub_1")
    EARLY.info("license_minted", license_id="lic_1", key="secret")
    logger.info("of_no_stream")
    common = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("stream") for line in common] == ["stripe", "subscriptions", "licenses", None]
    assert {path.name for path in folder.iterdir()} == set(FILES.values())
    for line in common[:3]:
        assert lines(folder / FILES[line["stream"]]) == [line]
    assert common[2]["key"] == "[dropped]"


def test_level_holds_for_files_too(folder: Path) -> None:
    configure_logging("tests", "warning", folder=folder)
    logger_of("stripe").info("quiet")
    assert not folder.exists()


def test_stderr_may_be_told_less_than_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("tests", "info", said_from="warning", folder=folder)
    for level in ("debug", "info", "warning", "error"):
        getattr(logger_of("stripe"), level)("said", on=level)
    assert [line["level"] for line in lines(folder / FILES["stripe"])] == ["info", "warning", "error"]
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == ["warning", "error"]


def test_without_a_folder_there_are_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    configure_logging("tests", "info")
    logger_of("stripe").info("said")
    configure_logging("tests", "warning")
    assert not list(tmp_path.iterdir())


def test_full_file_is_renamed_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "stripe-payment.log"
    file = LogFile(path, most_bytes=10, kept=2)
    for number in range(5):
        file.write(f"line number {number}")
    file.close()
    kept = {each.name: each.read_text() for each in tmp_path.iterdir() if not each.name.endswith(".lock")}
    assert kept == {
        path.name: "line number 4\n",
        f"{path.name}.1": "line number 3\n",
        f"{path.name}.2": "line number 2\n",
    }


def test_file_that_was_renamed_by_another_program_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    file = LogFile(path, most_bytes=1_000)
    file.write("one")
    path.rename(tmp_path / "moved")
    file.write("two")
    file.close()
    assert (path.read_text(), (tmp_path / "moved").read_text()) == ("two\n", "one\n")


def test_folder_that_cant_be_written_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file, no folder")
    file = LogFile(tmp_path / "logs" / "x.log", most_bytes=1_000)
    file.write("one")
    file.write("two")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["log_file_lost"]


def test_processes_share_a_file_and_lose_no_line_while_it_rotates(tmp_path: Path) -> None:
    each, processes, path = 400, 4, tmp_path / "x.log"
    program = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        from shared.log_streams import LogFile
        file = LogFile(Path({str(path)!r}), most_bytes=20_000, kept=50)
        for number in range({each}):
            file.write(sys.argv[1] + " " + str(number) + " " + "x" * 100)
        """
    )
    running = [subprocess.Popen([sys.executable, "-c", program, str(number)]) for number in range(processes)]
    assert [process.wait(timeout=20) for process in running] == [0] * processes
    files = [file for file in tmp_path.iterdir() if not file.name.endswith(".lock")]
    said = [line.removesuffix(" " + "x" * 100) for file in files for line in file.read_text().splitlines()]
    assert sorted(said) == sorted(f"{process} {number}" for process in range(processes) for number in range(each))
    assert len(files) > 5
