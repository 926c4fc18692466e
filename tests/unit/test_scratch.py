"""The folder in memory that tests put their files in."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support import scratch


@pytest.fixture(autouse=True)
def no_folder_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(scratch, "ROOM_BYTES", 0)


def test_temporary_files_are_made_there_and_are_gone_afterwards(tmp_path: Path) -> None:
    with scratch.folder(tmp_path) as made:
        assert made is not None
        file = Path(tempfile.mkstemp()[1])
        assert file.parent == made == Path(os.environ["TMPDIR"])
    assert list(tmp_path.iterdir()) == []
    assert "TMPDIR" not in os.environ


def test_a_folder_named_by_the_environment_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with scratch.folder(tmp_path) as made:
        assert made is None
        assert tempfile.gettempdir() == str(tmp_path)


def test_without_room_or_without_such_a_folder_the_systems_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scratch.folder(tmp_path / "not there") as made:
        assert made is None
    monkeypatch.setattr(scratch, "ROOM_BYTES", shutil.disk_usage(tmp_path).total * 2**20)
    with scratch.folder(tmp_path) as made:
        assert made is None


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_holds_is_kept(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from tests.support import scratch; scratch.ROOM_BYTES = 0\n"
        "with scratch.folder(Path(sys.argv[1])) as made: print(made, flush=True); os.kill(os.getpid(), 9)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    dead = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    left = Path(dead.stdout.strip())
    assert left.is_dir()
    with scratch.folder(tmp_path) as held:
        assert held is not None
        assert not left.exists()
        scratch._remove_what_the_dead_left(tmp_path)
        assert held.is_dir()
