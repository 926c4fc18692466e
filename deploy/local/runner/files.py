"""Small JSON files that are never found half written and that nobody else may read."""

import json
import os
from pathlib import Path
from typing import Any


def write_json(file: Path, content: Any) -> None:
    """Replaces the file at once, mode 0600."""
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as out:
        json.dump(content, out, indent=1)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)


def read_json(file: Path) -> Any:
    """The content, or None where there is no such file or it makes no sense."""
    try:
        return json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        return None
