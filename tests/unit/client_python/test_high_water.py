"""A clock set back and an older file are noticed; what is kept can't be edited, and a crash leaves it whole."""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client_python.signing import (
    AUDIENCE,
    CLAIMS,
    EXPIRES_AT,
    FINGERPRINT,
    GRACE,
    NOW,
    judged,
    pinned,
    signed,
)
from tollgate_client import Code, Denial, HighWater, HighWaterFile, Verdict, check

SEAL_KEY = b"a program's own secret"
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> HighWaterFile:
    return HighWaterFile(tmp_path / "state" / "mark", seal_key=SEAL_KEY)


def checked(store: HighWaterFile, text: str, now: datetime, **more: Any) -> Verdict:
    return check(
        text,
        store=store,
        public_keys=pinned(),
        audience=AUDIENCE,
        server_id="web-1",
        fingerprint=FINGERPRINT,
        now=now,
        **more,
    )


def test_a_clock_set_back_is_noticed(store: HighWaterFile) -> None:
    assert checked(store, signed(), NOW).valid
    assert checked(store, signed(), NOW - HOUR).code == Code.ROLLED_BACK
    assert checked(store, signed(), NOW - timedelta(minutes=4)).valid, "clocks are corrected by little"


def test_what_has_expired_stays_expired(store: HighWaterFile) -> None:
    assert checked(store, signed(), EXPIRES_AT + GRACE).code == Code.EXPIRED
    assert checked(store, signed(), EXPIRES_AT - HOUR).code == Code.ROLLED_BACK


def test_an_older_file_is_noticed(store: HighWaterFile) -> None:
    assert checked(store, signed(sequence=3), NOW).valid
    assert checked(store, signed(sequence=2), NOW).code == Code.ROLLED_BACK
    assert checked(store, signed(sequence=3), NOW).valid
    assert checked(store, signed(sequence=1, license_id="lic_another"), NOW).valid


def test_a_file_that_is_refused_as_anothers_raises_nothing(store: HighWaterFile) -> None:
    assert checked(store, signed(server_id="web-2", sequence=9), NOW + 100 * HOUR).code == Code.WRONG_SERVER
    assert checked(store, "nonsense", NOW + 100 * HOUR).code == Code.MALFORMED
    assert checked(store, signed(), NOW).valid


def test_a_mark_outlives_the_process(store: HighWaterFile, tmp_path: Path) -> None:
    checked(store, signed(), NOW)
    again = HighWaterFile(tmp_path / "state" / "mark", seal_key=SEAL_KEY)
    assert again.read() == HighWater(NOW, {(CLAIMS.license_id, "web-1"): 2})
    assert checked(again, signed(), NOW - HOUR).code == Code.ROLLED_BACK


@pytest.mark.parametrize("edit", [lambda data: data.replace(b"2027", b"2026"), lambda _: b"", lambda data: data[:-1]])
def test_an_edited_mark_is_noticed(store: HighWaterFile, tmp_path: Path, edit: Any) -> None:
    checked(store, signed(), NOW)
    file = tmp_path / "state" / "mark"
    file.write_bytes(edit(file.read_bytes()))
    assert checked(store, signed(), NOW).code == Code.ROLLED_BACK


def test_a_mark_sealed_with_another_key_is_noticed(store: HighWaterFile, tmp_path: Path) -> None:
    checked(store, signed(), NOW)
    other = HighWaterFile(tmp_path / "state" / "mark", seal_key=b"another program's secret")
    assert checked(other, signed(), NOW).code == Code.ROLLED_BACK


def test_the_clock_alone_is_written_once_a_minute(store: HighWaterFile, tmp_path: Path) -> None:
    file = tmp_path / "state" / "mark"
    checked(store, signed(), NOW)
    first = file.read_bytes()
    checked(store, signed(), NOW + timedelta(seconds=59))
    assert file.read_bytes() == first
    checked(store, signed(), NOW + timedelta(seconds=60))
    assert file.read_bytes() != first


def test_a_write_that_fails_leaves_the_old_mark(
    store: HighWaterFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(store, signed(), NOW)

    def fail(_handle: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        checked(store, signed(sequence=3), NOW)
    monkeypatch.undo()
    assert store.read().sequences == {(CLAIMS.license_id, "web-1"): 2}
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["mark"]


def test_a_denial_outlasts_the_line_until_a_newer_file() -> None:
    mark = HighWater(denied={CLAIMS.license_id: Denial(Code.REVOKED, NOW)})
    assert judged(signed(), high_water=mark).code == Code.REVOKED
    assert judged(signed(issued_at=NOW), high_water=mark, now=NOW + HOUR).code == Code.REVOKED
    assert judged(signed(issued_at=NOW + timedelta(seconds=1)), high_water=mark, now=NOW + HOUR).valid


def test_the_platforms_own_time_undoes_a_clock_that_ran_ahead() -> None:
    ahead = HighWater().raised(now=NOW + 1000 * HOUR, license_id="lic_a", server_id="web-1", sequence=4)
    told = ahead.told(server_time=NOW, license_id="lic_a", denial=None)
    assert (told.seen_at, told.sequences) == (NOW, {("lic_a", "web-1"): 4})


def test_a_short_seal_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        HighWaterFile(tmp_path / "mark", seal_key=b"short")
