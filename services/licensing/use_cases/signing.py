"""The keys that sign license files and answers: made at first use, replaced by command.

Signing asks the database every `KEPT_SECONDS` at most: an opened key is kept for so long in the process's memory, and a
rotation is followed by every process within that time.
"""

import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.licensing.domain.signing_key import ListedKey, SigningKey, kid_of, signer_at, signing_key_of
from services.licensing.service import Licensing
from services.licensing.store import signing_keys
from services.licensing.store.signing_keys import SealedKey
from shared import audit
from shared.audit import Actor
from shared.crypto import seal, unseal
from shared.db import Connection, Database

KEPT_SECONDS = 5.0
LONGEST_OVERLAP = timedelta(days=30)


class RotationInProgress(Exception):
    """The next key is listed already and waits for its turn."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """Keys as they were read, and when to read them again (monotonic)."""

    keys: dict[str, tuple[ListedKey, SigningKey]]
    until: float


_kept: WeakKeyDictionary[Database, _Kept] = WeakKeyDictionary()


async def active_key(licensing: Licensing) -> SigningKey:
    """The key that signs now. The first call ever makes one."""
    kept = _kept.get(licensing.database)
    if kept is None or time.monotonic() >= kept.until:
        kept = await _read(licensing)
    listed = signer_at((each for each, _ in kept.keys.values()), licensing.clock.now())
    return kept.keys[listed.kid][1]


async def fresh_key(licensing: Licensing) -> SigningKey:
    """The same, asked of the database: a rotation in another process is known at once."""
    _kept.pop(licensing.database, None)
    return await active_key(licensing)


async def list_keys(licensing: Licensing) -> list[ListedKey]:
    """Every public key there is and was, the newest first; one that is retired stays listed for what it signed."""
    await active_key(licensing)
    async with licensing.database.transaction() as connection:
        return await signing_keys.all_keys(connection)


async def rotate(licensing: Licensing, actor: Actor, *, overlap: timedelta) -> ListedKey:
    """Replace the key that signs: the new one is listed at once and signs when `overlap` is over; the old one signs
    until then and stays listed. Without overlap the new one signs at once, also one whose turn was yet to come.
    Raises RotationInProgress. Locks the newest key's row."""
    assert timedelta(0) <= overlap <= LONGEST_OVERLAP
    await active_key(licensing)
    now = _whole_second(licensing.clock.now())
    async with licensing.database.transaction() as connection:
        newest = await signing_keys.lock_newest(connection)
        assert newest is not None
        if newest.not_before > now:
            made = await _hastened(connection, newest, overlap=overlap, now=now)
        else:
            made = await _succeeded(licensing, connection, newest, at=now + overlap)
        await signing_keys.erase_retired(connection, now)
        details = {"before": newest.kid, "not_before": made.not_before.isoformat()}
        await audit.write(connection, actor, "signing_key.rotated", made.kid, details, at=now)
    _kept.pop(licensing.database, None)
    return made


async def _succeeded(licensing: Licensing, connection: Connection, newest: ListedKey, *, at: datetime) -> ListedKey:
    await signing_keys.retire(connection, newest.kid, at)
    key, sealed = _new_key(licensing, not_before=at)
    added = await signing_keys.add_if_none(connection, key, sealed, at=licensing.clock.now())
    assert added, "the newest key was locked"
    return key


async def _hastened(connection: Connection, newest: ListedKey, *, overlap: timedelta, now: datetime) -> ListedKey:
    if overlap:
        raise RotationInProgress(f"The key {newest.kid} takes over at {newest.not_before:%Y-%m-%d %H:%M:%S} UTC.")
    await signing_keys.bring_forward(connection, newest, now)
    return replace(newest, not_before=now)


async def _read(licensing: Licensing) -> _Kept:
    async with licensing.database.transaction() as connection:
        found = await signing_keys.keys_ending_after(connection, licensing.clock.now())
        if not found:
            key, sealed = _new_key(licensing, not_before=_whole_second(licensing.clock.now()))
            await signing_keys.add_if_none(connection, key, sealed, at=licensing.clock.now())
            found = await signing_keys.keys_ending_after(connection, licensing.clock.now())
    opened = {each.listed.kid: (each.listed, _opened(licensing, each)) for each in found}
    kept = _kept[licensing.database] = _Kept(opened, time.monotonic() + KEPT_SECONDS)
    return kept


def _new_key(licensing: Licensing, *, not_before: datetime) -> tuple[ListedKey, bytes]:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = ListedKey(kid_of(public), public, not_before, None)
    return key, seal(private.private_bytes_raw(), licensing.settings.seal_keys, _context(key.kid))


def _opened(licensing: Licensing, key: SealedKey) -> SigningKey:
    assert key.private_sealed is not None, "it is erased only after the key's last day"
    seed = unseal(key.private_sealed, licensing.settings.seal_keys, _context(key.listed.kid))
    opened = signing_key_of(Ed25519PrivateKey.from_private_bytes(seed))
    assert opened.kid == key.listed.kid
    return opened


def _whole_second(instant: datetime) -> datetime:
    """Rounded down, as the instants that files are issued at: none is issued before its key."""
    return instant.replace(microsecond=0)


def _context(kid: str) -> str:
    return f"licensing.signing_keys.{kid}"
