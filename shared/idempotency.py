"""Idempotent answers: the first answer to a key is kept, sealed, and given again.

A row is (scope, hash of the key). The claim is committed before the work begins and bears a lease; the answer is
saved in the transaction of the work's effect, so the two can't part; a failure gives the claim back. Whoever works
renews his lease, so a claim whose process died runs anew within seconds. Rows live 24 hours.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from shared.clock import Clock
from shared.crypto import derive_key, seal, unseal
from shared.db import Database
from shared.doors.answers import answer, encode
from shared.errors import DomainError
from shared.ids import new_uuid

KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=10)
RENEW_EVERY_SECONDS = 3.0
_LONGEST_KEY = 255


class Replay(Exception):
    """The key's first answer, to be given again."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body

    def response(self) -> Response:
        return Response(self.body, self.status, {"Idempotent-Replayed": "true"}, media_type="application/json")


@dataclass(frozen=True)
class Claim:
    """The right to do the work of one key. Without a key there is nothing to keep, and every method is idle."""

    scope: str
    key: str | None
    owner: UUID
    pepper: bytes

    async def keep(self, connection: AsyncConnection, status: int, content: object) -> Response:
        """Save the answer in the effect's own transaction, and make it. Raises `idempotency_in_progress` where the
        lease was lost to another process meanwhile: the transaction must then roll back."""
        body = encode(content)
        if self.key is not None:
            await self._save(connection, status, body)
        return answer(content, status)

    async def _save(self, connection: AsyncConnection, status: int, body: bytes) -> None:
        assert self.key is not None
        sealed = seal(body, {1: _answer_key(self.key, self.pepper)}, f"{self.scope}")
        saved = await connection.execute(
            text(
                "UPDATE idempotency SET status = :status, sealed = :sealed"
                " WHERE scope = :scope AND key_hash = :key_hash AND owner = :owner AND status IS NULL"
            ),
            {
                "status": status,
                "sealed": sealed,
                "scope": self.scope,
                "key_hash": digest(self.key.encode(), self.pepper),
                "owner": self.owner,
            },
        )
        if saved.rowcount != 1:
            raise _in_progress()

    async def renew(self, database: Database, now: datetime) -> None:
        """The work is still being done: nobody may take it over for another lease."""
        if self.key is None:
            return
        async with database.transaction() as connection:
            await connection.execute(
                text(
                    "UPDATE idempotency SET lease_until = :lease_until"
                    " WHERE scope = :scope AND key_hash = :key_hash AND owner = :owner AND status IS NULL"
                ),
                {
                    "lease_until": now + LEASE,
                    "scope": self.scope,
                    "key_hash": digest(self.key.encode(), self.pepper),
                    "owner": self.owner,
                },
            )

    async def give_back(self, database: Database) -> None:
        """The work failed with nothing done: let the key be used again."""
        if self.key is None:
            return
        async with database.transaction() as connection:
            await connection.execute(
                text(
                    "DELETE FROM idempotency"
                    " WHERE scope = :scope AND key_hash = :key_hash AND owner = :owner AND status IS NULL"
                ),
                {
                    "scope": self.scope,
                    "key_hash": digest(self.key.encode(), self.pepper),
                    "owner": self.owner,
                },
            )


def key_of(request: Request) -> str | None:
    """The request's `Idempotency-Key`: 1 to 255 visible ASCII characters, once, else 400."""
    return checked_key(request.headers.getlist("idempotency-key"))


def checked_key(values: Sequence[str]) -> str | None:
    """The key among a request's `Idempotency-Key` headers; None where there is none. DomainError
    `invalid_idempotency_key`."""
    if not values:
        return None
    key = values[0]
    visible = all("!" <= character <= "~" for character in key)
    if len(values) > 1 or not 1 <= len(key) <= _LONGEST_KEY or not visible:
        raise DomainError(
            "invalid_idempotency_key",
            "An Idempotency-Key has 1 to 255 visible ASCII characters and stands once.",
        )
    return key


async def claim(
    database: Database, clock: Clock, *, scope: str, key: str | None, fingerprint: bytes, pepper: bytes
) -> Claim:
    """Claim `key` in `scope` (an account's id) for a request whose `fingerprint` is method, path and
    body. Raises Replay with the first answer, or `idempotency_key_reused`, or `idempotency_in_progress`."""
    now = clock.real_now()
    claimed = Claim(scope, key, new_uuid(at=now), pepper)
    if key is None:
        return claimed
    async with database.transaction() as connection:
        if not await _insert(connection, claimed, fingerprint, now):
            await _judge_known(connection, claimed, fingerprint, now)
    return claimed


async def _insert(connection: AsyncConnection, claimed: Claim, fingerprint: bytes, now: datetime) -> bool:
    """One row for the key; an unfinished one whose lease ended, or one past 24 hours, is taken over."""
    assert claimed.key is not None
    row = await connection.execute(
        text(
            """
            INSERT INTO idempotency AS kept (scope, key_hash, body_hash, owner, lease_until, created_at)
            VALUES (:scope, :key_hash, :body_hash, :owner, :lease_until, :now)
            ON CONFLICT (scope, key_hash) DO UPDATE
            SET body_hash = excluded.body_hash, owner = excluded.owner, lease_until = excluded.lease_until,
                created_at = excluded.created_at, status = NULL, sealed = NULL
            WHERE kept.created_at < :oldest
               OR (kept.status IS NULL AND kept.lease_until < :now AND kept.body_hash = excluded.body_hash)
            RETURNING owner
            """
        ),
        {
            "scope": claimed.scope,
            "key_hash": digest(claimed.key.encode(), claimed.pepper),
            "body_hash": digest(fingerprint, claimed.pepper),
            "owner": claimed.owner,
            "lease_until": now + LEASE,
            "now": now,
            "oldest": now - KEPT_FOR,
        },
    )
    return row.first() is not None


async def _judge_known(connection: AsyncConnection, claimed: Claim, fingerprint: bytes, now: datetime) -> None:
    assert claimed.key is not None
    row = (
        await connection.execute(
            text("SELECT body_hash, status, sealed FROM idempotency WHERE scope = :scope AND key_hash = :key_hash"),
            {"scope": claimed.scope, "key_hash": digest(claimed.key.encode(), claimed.pepper)},
        )
    ).first()
    if row is None:
        raise _in_progress()
    if not hmac.compare_digest(row.body_hash, digest(fingerprint, claimed.pepper)):
        raise DomainError(
            "idempotency_key_reused", "This Idempotency-Key was used with another request; take a new one."
        )
    if row.status is None:
        raise _in_progress()
    raise Replay(row.status, unseal(row.sealed, {1: _answer_key(claimed.key, claimed.pepper)}, claimed.scope))


def _in_progress() -> DomainError:
    return DomainError(
        "idempotency_in_progress",
        "The first request with this Idempotency-Key is still running.",
        headers={"Retry-After": "1"},
    )


def digest(value: bytes, pepper: bytes) -> bytes:
    """What is kept of a key or a body: 32 bytes that tell nothing without the pepper."""
    return hmac.new(pepper, value, sha256).digest()


def _answer_key(key: str, pepper: bytes) -> bytes:
    return derive_key(key.encode(), salt=pepper, info="idempotent answer")


async def forget_old(database: Database, clock: Clock) -> bool:
    """Delete up to 1,000 rows past their 24 hours; whether there may be more."""
    async with database.transaction() as connection:
        gone = await connection.execute(
            text(
                "DELETE FROM idempotency WHERE ctid IN"
                " (SELECT ctid FROM idempotency WHERE created_at < :oldest LIMIT 1000)"
            ),
            {"oldest": clock.real_now() - KEPT_FOR},
        )
    return gone.rowcount == 1000
