"""Rows of paid calls that bear an Idempotency-Key: leases, terms and endings.

Every write names the row's owner, so that a call whose lease another took over changes nothing. Instants are
PostgreSQL's real time. A first call costs one insert before it is paid, and one update before its last byte.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from services.gateway.domain.paid_repeat import Asked, Intent, Kept, Step, Terms, in_progress, judge
from services.gateway.domain.price import Price
from shared.db import Database, is_unavailable

LEASE_SECONDS = 5
KEPT_HOURS = 24
_DEADLINE_SECONDS = 3.0
_ATTEMPTS = 3
_PAGE = 1_000


class RepeatsUnavailable(Exception):
    """PostgreSQL does not answer; whether the statement was done is not known."""


class Holder(Enum):
    """Whose a charge or hold is, once one who wants to give it back has asked."""

    MINE = "mine"
    NOBODYS = "nobodys"
    ANOTHERS = "anothers"


@dataclass(frozen=True, slots=True)
class Place:
    """One call at one row. `owner` is drawn for each call."""

    account_id: str
    key_hash: bytes
    owner: UUID


@dataclass(frozen=True, slots=True)
class Run:
    """What a call that runs anew writes of itself."""

    asked: Asked
    charge_id: UUID
    route: str
    terms: Terms


class PaidRepeats:
    """One a process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, place: Place, run: Run) -> tuple[Step, Kept] | None:
        """Take the row's lease: None where the row is new and says `run`, else what is to be done about what it kept.
        Raises the refusals of `judge`. A new row is one insert, a known one a short transaction under its lock."""
        async with self._connection() as connection:
            for _ in range(_ATTEMPTS):
                if await connection.execute(_INSERT, *_run_values(place, run)) == "INSERT 0 1":
                    return None
                async with connection.transaction():
                    row = await connection.fetchrow(_LOCK, place.account_id, place.key_hash)
                    if row is not None:
                        return await self._take_over(connection, place, run, _kept(row))
        raise in_progress()

    async def _take_over(self, connection: Any, place: Place, run: Run, kept: Kept) -> tuple[Step, Kept] | None:
        step = judge(kept, run.asked)
        if step is Step.ANEW:
            await connection.execute(_RESTART_OVER, *_run_values(place, run))
            return None
        await connection.execute(_TAKE_OVER, place.account_id, place.key_hash, place.owner)
        return step, kept

    async def restart(self, place: Place, run: Run) -> bool:
        """What the row's earlier id charged has been given back: it says `run` now. False where the lease is lost."""
        return await self._wrote(_RESTART, *_run_values(place, run))

    async def intend(self, place: Place, intent: Intent) -> bool:
        """Say which capture comes next. False where the lease is lost: it must not come."""
        return await self._wrote(
            _INTEND, place.account_id, place.key_hash, place.owner, intent.capture_id, intent.amount
        )

    async def answer(self, place: Place) -> bool:
        """The last byte may leave. False where the lease is lost: it must not."""
        return await self._wrote(_ANSWER, place.account_id, place.key_hash, place.owner)

    async def give_up(self, place: Place, charge_id: UUID) -> Holder:
        """Before `charge_id` is given back: say that it will be, so that no repeat posts under it again."""
        async with self._connection() as connection:
            done = await connection.execute(_GIVE_UP, place.account_id, place.key_hash, place.owner, charge_id)
            if done != "UPDATE 0":
                return Holder.MINE
            used = await connection.fetchval(_USES, place.account_id, place.key_hash, charge_id)
        return Holder.ANOTHERS if used else Holder.NOBODYS

    async def forget(self, place: Place) -> None:
        """Nothing is charged, or it was given back: the key is as new."""
        await self._wrote(_FORGET, place.account_id, place.key_hash, place.owner)

    async def let_go(self, place: Place) -> None:
        """The call ended unanswered and its charge may stand: a repeat may go out at once."""
        await self._wrote(_LET_GO, place.account_id, place.key_hash, place.owner)

    async def renew(self, places: Iterable[Place]) -> None:
        """One statement for every call that runs here. Rows that another took over are left alone."""
        held = list(places)
        async with self._connection() as connection:
            for start in range(0, len(held), _PAGE):
                page = held[start : start + _PAGE]
                await connection.execute(
                    _RENEW,
                    [place.account_id for place in page],
                    [place.key_hash for place in page],
                    [place.owner for place in page],
                )

    async def forget_old(self) -> bool:
        """Delete a page of rows past their 24 hours; whether there may be more. The index on age serves it."""
        async with self._connection() as connection:
            return str(await connection.execute(_FORGET_OLD)) == f"DELETE {_PAGE}"

    async def _wrote(self, statement: str, *values: object) -> bool:
        async with self._connection() as connection:
            return not str(await connection.execute(statement, *values)).endswith(" 0")

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[Any]:
        """Raises RepeatsUnavailable past the deadline, or where PostgreSQL is at fault. Giving back a connection whose
        statement was broken off waits for PostgreSQL to hear of it, as long as acquiring may last."""
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                pool = await self._database.asyncpg_pool()
                async with pool.acquire(timeout=_DEADLINE_SECONDS) as connection:
                    yield connection
        except Exception as error:
            if is_unavailable(error):
                raise RepeatsUnavailable from error
            raise


def _run_values(place: Place, run: Run) -> tuple[object, ...]:
    terms, price = run.terms, run.terms.price
    return (
        place.account_id, place.key_hash, place.owner, run.asked.target_hash, run.asked.body_hash, run.charge_id,
        run.route, terms.op, terms.amount, terms.at_least, price.version, price.per_call, price.per_1000_tokens,
        price.per_unit, price.minimum,
    )  # fmt: skip


def _kept(row: Any) -> Kept:
    price = Price(row["price_version"], row["per_call"], row["per_1000_tokens"], row["per_unit"], row["minimum"])
    return Kept(
        state=row["state"],
        asked=Asked(row["target_hash"], row["body_hash"]),
        charge_id=UUID(int=row["charge_id"].int),
        terms=Terms(row["op"], row["amount"], row["at_least"], price),
        intent=Intent(UUID(int=row["capture_id"].int), row["capture_amount"]) if row["capture_id"] else None,
        lease_is_live=row["lease_is_live"],
        is_over=row["is_over"],
    )


_UNTIL = f"clock_timestamp() + interval '{LEASE_SECONDS} seconds'"
_OVER = f"clock_timestamp() - interval '{KEPT_HOURS} hours'"
_MINE = "account_id = $1 AND key_hash = $2 AND owner = $3"

_INSERT = f"""
    INSERT INTO paid_repeats (account_id, key_hash, owner, target_hash, body_hash, charge_id, route, op, amount,
        at_least, price_version, per_call, per_1000_tokens, per_unit, minimum, state, lease_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 'running', {_UNTIL})
    ON CONFLICT (account_id, key_hash) DO NOTHING
    """  # noqa: S608
_LOCK = f"""
    SELECT state, target_hash, body_hash, charge_id, op, amount, at_least, price_version, per_call, per_1000_tokens,
        per_unit, minimum, capture_id, capture_amount, lease_until >= clock_timestamp() AS lease_is_live,
        created_at < {_OVER} AS is_over
    FROM paid_repeats WHERE account_id = $1 AND key_hash = $2 FOR UPDATE
    """  # noqa: S608
_TAKE_OVER = f"UPDATE paid_repeats SET owner = $3, lease_until = {_UNTIL} WHERE account_id = $1 AND key_hash = $2"  # noqa: S608
_ANEW = f"""
    target_hash = $4, body_hash = $5, charge_id = $6, route = $7, op = $8, amount = $9, at_least = $10,
    price_version = $11, per_call = $12, per_1000_tokens = $13, per_unit = $14, minimum = $15, state = 'running',
    lease_until = {_UNTIL}, capture_id = NULL, capture_amount = NULL, created_at = clock_timestamp()
    """
_RESTART = f"UPDATE paid_repeats SET {_ANEW} WHERE {_MINE}"  # noqa: S608
_RESTART_OVER = f"""
    UPDATE paid_repeats SET {_ANEW}, owner = $3
    WHERE account_id = $1 AND key_hash = $2
    """  # noqa: S608
_INTEND = f"""
    UPDATE paid_repeats SET capture_id = $4, capture_amount = $5, lease_until = {_UNTIL}
    WHERE {_MINE} AND state = 'running'
    """  # noqa: S608
_ANSWER = f"UPDATE paid_repeats SET state = 'answered' WHERE {_MINE} AND state = 'running'"  # noqa: S608
_GIVE_UP = f"UPDATE paid_repeats SET state = 'undoing' WHERE {_MINE} AND charge_id = $4"  # noqa: S608
_USES = "SELECT true FROM paid_repeats WHERE account_id = $1 AND key_hash = $2 AND charge_id = $3"
_FORGET = f"DELETE FROM paid_repeats WHERE {_MINE} AND state <> 'answered'"  # noqa: S608
_LET_GO = f"UPDATE paid_repeats SET lease_until = '-infinity' WHERE {_MINE} AND state <> 'answered'"  # noqa: S608
_RENEW = f"""
    UPDATE paid_repeats AS kept SET lease_until = {_UNTIL}
    FROM unnest($1::text[], $2::bytea[], $3::uuid[]) AS mine (account_id, key_hash, owner)
    WHERE kept.account_id = mine.account_id AND kept.key_hash = mine.key_hash AND kept.owner = mine.owner
      AND kept.state <> 'answered'
    """  # noqa: S608
_FORGET_OLD = f"""
    DELETE FROM paid_repeats WHERE ctid IN (SELECT ctid FROM paid_repeats WHERE created_at < {_OVER} LIMIT {_PAGE})
    """  # noqa: S608
