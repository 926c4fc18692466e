"""The leaf of a transfer: SHA-256 of 0x00 and the transfer's eleven sealed fields.

The fields stand in PostgreSQL's binary form of a record (`record_send`), so that the database hashes thousands in one
statement (`store/seals.py`) and everybody else can: a count of fields, then for each its type's number, its length in
bytes (-1: null) and its value. Counts, types and lengths are 32 bits; all numbers are signed and big-endian.

    account_id text | id uuid | kind text | amount, balance_after, position bigint | refers_to, request_id uuid
    reference, description text | created_at: microseconds since 2000-01-01 UTC

Amounts are millicredits. Lengths make it unambiguous: no two transfers have the same bytes.
"""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from services.billing.domain.ledger.transfer import Posted

LEAF = b"\x00"
_TEXT, _UUID, _BIGINT, _INSTANT = 25, 2950, 20, 1184
_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def leaf_of(posted: Posted) -> bytes:
    """The hash that a seal holds of this transfer."""
    return sha256(LEAF + canonical(posted)).digest()


def canonical(posted: Posted) -> bytes:
    """The bytes that are hashed."""
    one = posted.transfer
    fields = (
        _text(one.account_id),
        _uuid(one.id),
        _text(one.kind.value),
        _bigint(one.amount),
        _bigint(one.balance_after),
        _bigint(one.position),
        _uuid(one.refers_to),
        _uuid(one.request_id),
        _text(one.reference),
        _text(one.description),
        _field(_INSTANT, struct.pack(">q", (posted.created_at - _POSTGRES_EPOCH) // _MICROSECOND)),
    )
    return struct.pack(">i", len(fields)) + b"".join(fields)


def _text(value: str | None) -> bytes:
    return _field(_TEXT, None if value is None else value.encode())


def _uuid(value: UUID | None) -> bytes:
    return _field(_UUID, None if value is None else value.bytes)


def _bigint(value: int) -> bytes:
    return _field(_BIGINT, struct.pack(">q", value))


def _field(kind: int, value: bytes | None) -> bytes:
    if value is None:
        return struct.pack(">ii", kind, -1)
    return struct.pack(">ii", kind, len(value)) + value
