"""Seals and the chain that they make.

Transfers are sealed in the order (transaction, account, id). A seal covers all after its predecessor's watermark up to
its own; its link hashes the predecessor's link, so that none can be changed, left out or put in without all later ones.
"""

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

MOST_LEAVES = 4_096
LINK = b"\x02"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Watermark:
    """A place in the order of sealing. `xid` is the transaction that posted, as PostgreSQL counts it (64 bits)."""

    xid: int
    account_id: str
    id: UUID


@dataclass(frozen=True, slots=True)
class Seal:
    """`root` is the Merkle root of `leaves` transfers, of which the last stands at `last`."""

    number: int
    last: Watermark
    leaves: int
    root: bytes
    chain: bytes
    sealed_at: datetime


GENESIS = Seal(
    number=0, last=Watermark(0, "", UUID(int=0)), leaves=0, root=bytes(32), chain=bytes(32), sealed_at=_EPOCH
)
"""Before the first; it is never stored."""


def next_seal(before: Seal, *, root: bytes, leaves: int, last: Watermark, at: datetime) -> Seal:
    """The seal after `before`. `at` is real time."""
    assert 0 < leaves <= MOST_LEAVES and last > before.last
    number = before.number + 1
    return Seal(number, last, leaves, root, _link(before.chain, number, leaves, root, at), at)


def link_of(seal: Seal, *, before: bytes) -> bytes:
    """What a seal's link must be after one with the link `before`."""
    return _link(before, seal.number, seal.leaves, seal.root, seal.sealed_at)


def _link(before: bytes, number: int, leaves: int, root: bytes, at: datetime) -> bytes:
    return sha256(LINK + before + struct.pack(">qqq", number, leaves, (at - _EPOCH) // _MICROSECOND) + root).digest()
