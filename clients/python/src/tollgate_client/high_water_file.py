"""A high-water mark in a small file, sealed with HMAC-SHA-256 and replaced in one step, so that a crash leaves the old
or the new and an edit is noticed.

What it can't do: whoever controls the machine can delete the file, put an old copy of it back, or read the seal's key
out of the program and seal what they like. Two processes that write at the same moment may lose the later one's
progress of that moment; the next check makes it good.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tollgate_client.high_water import Denial, HighWater

_VERSION = 1
_STEP = timedelta(seconds=60)
"""Progress of the clock alone is written that often."""


class HighWaterFile:
    """A sealed file at `path`. `seal_key` is your program's own secret, 16 bytes or more; mixed with the machine's
    fingerprint (`seal_key=secret + fingerprint.encode()`) a file copied from another machine doesn't fit."""

    def __init__(self, path: str | Path, *, seal_key: bytes) -> None:
        if len(seal_key) < 16:
            raise ValueError("a seal's key has at least 16 bytes")
        self._path = Path(path)
        self._key = hashlib.sha256(b"tollgate high-water mark\0" + seal_key).digest()
        self._kept: HighWater | None = None

    def read(self) -> HighWater:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return HighWater()
        body, _, seal = data.rpartition(b"\n")
        if not hmac.compare_digest(self._seal(body), seal):
            return HighWater(is_broken=True)
        self._kept = _mark_of(json.loads(body))
        return self._kept

    def keep(self, mark: HighWater) -> None:
        """Replace the file in one step. Nothing is written where only some seconds have passed."""
        if self._kept is not None and self._path.exists() and not _is_news(self._kept, mark):
            return
        body = json.dumps(_document_of(mark), sort_keys=True).encode()
        replace_file(self._path, body + b"\n" + self._seal(body))
        self._kept = mark

    def __repr__(self) -> str:
        return f"HighWaterFile({str(self._path)!r})"

    def _seal(self, body: bytes) -> bytes:
        return base64.b64encode(hmac.digest(self._key, body, "sha256"))


def _is_news(kept: HighWater, mark: HighWater) -> bool:
    if mark.sequences != kept.sequences or mark.denied != kept.denied or kept.is_broken:
        return True
    if mark.seen_at is None or kept.seen_at is None:
        return mark.seen_at != kept.seen_at
    return not timedelta(0) <= mark.seen_at - kept.seen_at < _STEP


def replace_file(path: Path, data: bytes) -> None:
    """Readers see the old or the new, also after the power went. The folder is made where it lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    _settle_folder(path.parent)


def _settle_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _document_of(mark: HighWater) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "seen_at": mark.seen_at.isoformat() if mark.seen_at else None,
        "sequences": [[license_id, server_id, number] for (license_id, server_id), number in mark.sequences.items()],
        "denied": {license_id: [denial.code, denial.at.isoformat()] for license_id, denial in mark.denied.items()},
    }


def _mark_of(document: Mapping[str, Any]) -> HighWater:
    """Of a document that bears our seal, so of our own making."""
    if document["version"] != _VERSION:
        return HighWater(is_broken=True)
    seen_at = document["seen_at"]
    return HighWater(
        _instant(seen_at) if seen_at else None,
        {(license_id, server_id): number for license_id, server_id, number in document["sequences"]},
        {license_id: Denial(code, _instant(at)) for license_id, (code, at) in document["denied"].items()},
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
