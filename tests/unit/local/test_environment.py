"""The set-up of `.venv`: what is reused, what is made anew, what is said where something lacks."""

import ast
import sys
from pathlib import Path

import pytest

from deploy.local import bootstrap, environment

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout whose installing commands are recorded instead of run."""
    venv = tmp_path / ".venv"
    for name, path in {
        "ROOT": tmp_path,
        "VENV": venv,
        "PYTHON": venv / "bin" / "python",
        "LOCK": tmp_path / "requirements.lock",
        "STAMP": venv / ".tollgate-complete",
        "UNFINISHED": venv / ".tollgate-unfinished",
    }.items():
        monkeypatch.setattr(environment, name, path)
    (tmp_path / "requirements.lock").write_text("orjson==3.13 \\\n    --hash=sha256:00\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(environment, "_uv", lambda: "uv")
    monkeypatch.setattr(environment, "_run", lambda command, lock: record(tmp_path, command))
    return tmp_path


def record(checkout: Path, command: list[str]) -> None:
    with (checkout / "commands").open("a") as log:
        log.write(" ".join(command) + "\n")
    if command[1] == "venv":
        (checkout / ".venv" / "bin").mkdir(parents=True, exist_ok=True)
        (checkout / ".venv" / "bin" / "python").symlink_to(sys.executable)
        (checkout / ".venv" / "pyvenv.cfg").write_text("version = 3.11\n")


def commands(checkout: Path) -> list[str]:
    return (checkout / "commands").read_text().splitlines()


def test_first_run_installs_by_hash_and_the_second_does_nothing(checkout: Path) -> None:
    python = environment.ensure()
    environment.ensure()
    ran = commands(checkout)
    assert python == str(checkout / ".venv" / "bin" / "python")
    assert len(ran) == 3
    assert "--require-hashes" in ran[1]
    assert "--no-deps --no-build-isolation" in ran[2]


def test_changed_lock_is_installed_into_the_same_environment(checkout: Path) -> None:
    environment.ensure()
    (checkout / "requirements.lock").write_text("orjson==3.14\n")
    environment.ensure()
    assert [command.split()[1] for command in commands(checkout)] == ["venv", "pip", "pip", "pip", "pip"]


def test_interrupted_set_up_is_begun_anew(checkout: Path) -> None:
    environment.ensure()
    (checkout / ".venv" / ".tollgate-unfinished").touch()
    (checkout / ".venv" / ".tollgate-complete").unlink()
    (checkout / ".venv" / "half-written").touch()
    environment.ensure()
    assert not (checkout / ".venv" / "half-written").exists()
    assert [command.split()[1] for command in commands(checkout)] == ["venv", "pip", "pip"] * 2


def test_environment_whose_python_is_gone_is_made_anew(checkout: Path) -> None:
    environment.ensure()
    (checkout / ".venv" / "bin" / "python").unlink()
    (checkout / ".venv" / "bin" / "python").symlink_to(checkout / "gone")
    environment.ensure()
    assert (checkout / ".venv" / "bin" / "python").exists()


def test_missing_venv_module_is_named_with_its_mend(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    del checkout
    monkeypatch.setattr(environment, "_uv", lambda: None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="apt install python3-venv"):
        environment.ensure()


def test_bootstrap_is_understood_by_old_pythons() -> None:
    for file in ("deploy/local/bootstrap.py", "deploy/local/__init__.py", "deploy/__init__.py"):
        ast.parse((ROOT / file).read_text(), feature_version=(3, 6))


def test_old_python_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer; .* is 3\.9"):
        bootstrap.main([])
