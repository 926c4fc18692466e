"""`make profile` says what is wrong where there is no profiler, or none that may look."""

from pathlib import Path

import pytest

from benchmarks import py_spy


def program(folder: Path, said: str) -> str:
    """A stand-in for py-spy that fails with these words."""
    file = folder / "py-spy"
    file.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    file.chmod(0o755)
    return str(file)


def test_lacking_the_right_to_trace_is_said_with_its_mend(tmp_path: Path) -> None:
    refusing = program(tmp_path, "Permission Denied: Try running again with elevated permissions")
    with pytest.raises(py_spy.NoProfiler, match="SYS_PTRACE"):
        py_spy.record(refusing, 1, tmp_path / "picture.svg", form="flamegraph", seconds=1, native=False)


def test_any_other_failure_is_told_in_its_own_words(tmp_path: Path) -> None:
    failing = program(tmp_path, "no such process")
    with pytest.raises(py_spy.NoProfiler, match="py-spy failed: no such process"):
        py_spy.record(failing, 1, tmp_path / "picture.svg", form="flamegraph", seconds=1, native=False)


def test_a_profiler_that_cannot_be_fetched_is_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(py_spy, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(py_spy.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(py_spy.NoProfiler, match="could not be fetched"):
        py_spy.found()
