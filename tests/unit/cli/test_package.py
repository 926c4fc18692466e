"""What is installed has all that it reads."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CODE_AND_DOCS = (".py", ".md", ".pyc")


def test_every_file_that_a_service_reads_is_packaged() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packaged = tuple(pattern.removeprefix("*") for pattern in settings["package-data"]["*"])
    found = [file for room in ("services", "shared") for file in (ROOT / room).rglob("*.*") if file.is_file()]
    assert any(file.suffix == ".lua" for file in found)
    assert [file for file in found if not file.name.endswith(packaged + CODE_AND_DOCS)] == []
