"""A batch of charges and holds as one statement, for wallets that plainly cover all that is asked of them.

The wallets are locked in the order of their ids and moved where what is available covers the batch's sum for them; the
rows are inserted for those wallets alone. Accounts that are not answered have had nothing done to them. A unique key or
a lock that is not had in time undoes the statement. One statement is its own transaction, committed synchronously.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import asyncpg

from services.billing.domain.ledger.usage import Ending
from services.billing.store import usage_records
from services.billing.store.ledger_connection import translated

_MOVED = """
spent AS (
    UPDATE wallets SET balance = balance - {spend}, held = held + {hold}, last_position = last_position + {charges},
                       overdrawn = false
    {source}
    WHERE wallets.account_id = {account_id} AND balance - wallets.held >= {spend} + {hold}
      AND open_disputes = 0
      AND (next_expiry_at IS NULL OR next_expiry_at > $5::timestamptz + interval '1 minute'){guard}
    RETURNING wallets.account_id, {place} AS place, balance, held, last_position, {spend} AS spend, {charges} AS charges
)"""

_ONE = {
    "account_id": "$1::text",
    "spend": "$2::bigint",
    "hold": "$3::bigint",
    "charges": "$4::bigint",
    "place": "1::bigint",
    "source": "",
    "guard": "",
}
"""A batch of one account needs no arrays for its wallet, and no join."""

_SEVERAL = {
    "account_id": "asked.account_id",
    "spend": "asked.spend",
    "hold": "asked.hold",
    "charges": "asked.charges",
    "place": "place",
    "source": """FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
         AS asked (account_id, spend, hold, charges, place)""",
    "guard": " AND (SELECT count(*) FROM locked) >= 0",
}

_LOCKS = """
locked AS MATERIALIZED (
    SELECT FROM wallets WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR NO KEY UPDATE
),"""

_CHARGES = """,
charged AS (
    INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, request_id, description, created_at)
    SELECT account_id, id, 'charge', amount, balance + spend - through, last_position - charges + number, request_id,
           'Call of ' || route, $5
    FROM spent{rows}
)"""

_USED = """, used AS (
    INSERT INTO usage_records (account_id, request_id, route, key_id, price_version, held, credits, created_at,
                               calls, tokens, units, outcome, flagged)
    SELECT account_id, request_id, route, key_id, price_version, 0, amount, $5, {metered}
    FROM spent{rows}
)"""

_HOLDS = """,
opened AS (
    INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id, price_version,
                       calls, tokens, units, created_at)
    SELECT account_id, id, amount, amount, 'open', clock_timestamp() + lasts_ms * interval '1 millisecond', request_id,
           route, key_id, price_version, calls, tokens, units, $5
    FROM spent{rows}
)"""

_PROGRESS = """
UPDATE holds SET spent = greatest(spent, least(asked.amount, holds.amount)), calls = greatest(holds.calls, asked.calls),
                 tokens = greatest(holds.tokens, asked.tokens), units = greatest(holds.units, asked.units)
FROM unnest($1::text[], $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) WITH ORDINALITY
     AS asked (account_id, id, amount, calls, tokens, units, place)
JOIN wallets USING (account_id)
WHERE holds.account_id = asked.account_id AND holds.id = asked.id AND holds.id = ANY($2::uuid[])
  AND holds.state = 'open' AND holds.expires_at > clock_timestamp()
RETURNING place, wallets.balance, wallets.held
"""

_CALL = {"request_id": "uuid", "route": "text", "key_id": "text", "price_version": "integer"}
_METERED = {"calls": "bigint", "tokens": "bigint", "units": "bigint"}
_ENDED = {"outcome": "text", "flagged": "boolean"}

_CHARGE = {"id": "uuid", "amount": "bigint", "through": "bigint", **_CALL, **_METERED, **_ENDED}
_HOLD = {"id": "uuid", "amount": "bigint", "lasts_ms": "bigint", **_CALL, **_METERED}
_OF_SEVERAL = {"place": "bigint", "number": "bigint"}
"""The columns of a batch, in their order as parameters. Where it has several wallets, each row says the place of its
own and, a charge, its number among its wallet's; of one wallet the rows' own order does."""

UNMETERED_COLUMNS = 7
"""Those of a charge about which no more is known than that it is one call, and begun."""
_UNMETERED = "1, 0, 0, 'unknown', false"
"""What such a charge's other columns are, for which nothing is sent."""

_FIRST_OF_ROWS = 6

Columns = Sequence[Sequence[Any]]


class _Rows:
    """Arrays as the parameters from `first` on, to be read as rows."""

    def __init__(self, first: int, columns: Mapping[str, str]) -> None:
        self._arrays = {name: f"${first + n}::{kind}[]" for n, (name, kind) in enumerate(columns.items())}
        self.next = first + len(columns)

    def joined(self, *names: str) -> str:
        """`spent` goes before it: each row beside the wallet that it is of."""
        if "place" in self._arrays:
            names = ("place", *names)
            return f"\n    JOIN {self._read(names)} AS asked ({', '.join(names)}) USING (place)"
        if "number" not in names:
            return f",\n         {self._read(names)} AS asked ({', '.join(names)})"
        names = tuple(name for name in names if name != "number")
        return f",\n         {self._read(names)} WITH ORDINALITY AS asked ({', '.join(names)}, number)"

    def _read(self, names: Sequence[str]) -> str:
        return f"unnest({', '.join(self._arrays[name] for name in names)})"


@cache
def statement(several: bool, charges: int, holds: bool) -> str:
    """The text for a batch: only what it has. `charges` is how many columns they come in."""
    text = "WITH" + (_LOCKS if several else "") + _MOVED.format(**(_SEVERAL if several else _ONE))
    first = _FIRST_OF_ROWS
    if charges:
        of_each = {**(_OF_SEVERAL if several else {}), **_CHARGE}
        rows = _Rows(first, dict(list(of_each.items())[:charges]))
        text += _CHARGES.format(rows=rows.joined("number", "id", "amount", "through", "request_id", "route"))
        more = (*_METERED, *_ENDED) if charges == len(of_each) else ()
        text += _USED.format(metered=", ".join(more) or _UNMETERED, rows=rows.joined("amount", *_CALL, *more))
        first = rows.next
    if holds:
        rows = _Rows(first, {**({"place": "bigint"} if several else {}), **_HOLD})
        text += _HOLDS.format(rows=rows.joined(*_HOLD))
    return text + "\nSELECT place, balance, held FROM spent"


class SwiftConnection:
    """One dedicated connection, which keeps its statements prepared. Not for two at once."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @property
    def is_open(self) -> bool:
        return not self._connection.is_closed()

    async def post(self, wallets: Columns, charges: Columns, holds: Columns, *, at: datetime) -> Sequence[Any]:
        """(place, balance, held) of each wallet that was moved; `place` counts from 1. Of one wallet, charges come
        without place and number, holds without place. Raises IdTaken, WalletsBusy."""
        several = len(wallets[0]) > 1
        text = statement(several, len(charges), bool(holds))
        moved = wallets if several else [column[0] for column in wallets]
        with translated():
            rows: Sequence[Any] = await self._connection.fetch(text, *moved, at, *charges, *holds)
        return rows

    async def tell_progress(self, columns: Columns) -> Sequence[Any]:
        """(place, balance, held) of each open hold that was told of. Raises WalletsBusy."""
        with translated():
            rows: Sequence[Any] = await self._connection.fetch(_PROGRESS, *columns)
        return rows

    async def tell_endings(self, endings: Sequence[Ending]) -> None:
        """Outcome and latency of calls whose records are there. Raises WalletsBusy."""
        with translated():
            await usage_records.tell_endings(self._connection, endings)

    async def close(self) -> None:
        await self._connection.close()

    def drop(self) -> None:
        """End it at once, whatever it is at."""
        self._connection.terminate()
