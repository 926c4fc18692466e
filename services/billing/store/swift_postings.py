"""A batch of charges and holds as one statement, for wallets that plainly cover all that is asked of them.

The wallets are locked in the order of their ids and moved where what is available covers the batch's sum for them; the
rows are inserted for those wallets alone. Accounts that are not answered have had nothing done to them. A unique key or
a lock that is not had in time undoes the statement. One statement is its own transaction, committed synchronously.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from services.billing.domain.ledger.usage import Ending
from services.billing.store import usage_records
from services.billing.store.ledger_connection import translated

_WALLETS = """
spent AS (
    UPDATE wallets SET balance = balance - asked.spend, held = held + asked.hold,
                       last_position = last_position + asked.charges, overdrawn = false
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY
         AS asked (account_id, spend, hold, charges, place)
    WHERE wallets.account_id = asked.account_id AND balance - wallets.held >= asked.spend + asked.hold
      AND open_disputes = 0
      AND (next_expiry_at IS NULL OR next_expiry_at > $5::timestamptz + interval '1 minute'){guard}
    RETURNING wallets.account_id, place, balance, held, last_position, spend, charges
)"""

_LOCKS = """
locked AS MATERIALIZED (
    SELECT FROM wallets WHERE account_id = ANY($1::text[]) ORDER BY account_id FOR NO KEY UPDATE
),"""
_AFTER_LOCKS = " AND (SELECT count(*) FROM locked) >= 0"

_CHARGES = """,
charged AS (
    INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, request_id, description, created_at)
    SELECT account_id, id, 'charge', amount, balance + spend - through, last_position - charges + number, request_id,
           'Call of ' || route, $5
    FROM unnest({0}::bigint[], {1}::uuid[], {2}::bigint[], {3}::bigint[], {4}::bigint[], {5}::uuid[], {6}::text[])
         AS asked (place, id, amount, through, number, request_id, route)
    JOIN spent USING (place)
)"""

_USED = """, used AS (
    INSERT INTO usage_records (account_id, request_id, route, key_id, price_version, held, credits, created_at, {of})
    SELECT account_id, request_id, route, key_id, price_version, 0, amount, $5, {of}
    FROM unnest({0}::bigint[], {5}::uuid[], {6}::text[], {7}::text[], {8}::integer[], {2}::bigint[]{more})
         AS asked (place, request_id, route, key_id, price_version, amount{names})
    JOIN spent USING (place){constants}
)"""

_OF = "calls, tokens, units, outcome, flagged"
_METERED = {
    "more": ", {9}::bigint[], {10}::bigint[], {11}::bigint[], {12}::text[], {13}::boolean[]",
    "names": f", {_OF}",
    "constants": "",
}
_UNMETERED = {
    "more": "",
    "names": "",
    "constants": f", (VALUES (1::bigint, 0::bigint, 0::bigint, 'unknown', false)) AS one_call ({_OF})",
}
"""What the gateway says of a call before it is forwarded, for which nothing needs to be sent."""

_HOLDS = """,
opened AS (
    INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id, price_version,
                       calls, tokens, units, created_at)
    SELECT account_id, id, amount, amount, 'open', clock_timestamp() + lasts_ms * interval '1 millisecond', request_id,
           route, key_id, price_version, calls, tokens, units, $5
    FROM unnest({0}::bigint[], {1}::uuid[], {2}::bigint[], {3}::bigint[], {4}::uuid[], {5}::text[], {6}::text[],
                {7}::integer[], {8}::bigint[], {9}::bigint[], {10}::bigint[])
         AS asked (place, id, amount, lasts_ms, request_id, route, key_id, price_version, calls, tokens, units)
    JOIN spent USING (place)
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

_WALLET_PARAMETERS = 5
CHARGE_COLUMNS = 14
UNMETERED_COLUMNS = 9
_HOLD_COLUMNS = 11

Columns = Sequence[Sequence[Any]]


def statement(*, several: bool, charges: int, holds: bool) -> str:
    """The text for a batch: only what it has. `charges` is how many columns they come in."""
    first = _WALLET_PARAMETERS + 1
    text = "WITH" + (_LOCKS if several else "") + _WALLETS.format(guard=_AFTER_LOCKS if several else "")
    if charges:
        columns = [f"${first + n}" for n in range(charges)]
        of_call = _METERED if charges == CHARGE_COLUMNS else _UNMETERED
        used = {name: part.format(*columns) for name, part in of_call.items()}
        text += _CHARGES.format(*columns) + _USED.format(*columns, of=_OF, **used)
        first += charges
    if holds:
        text += _HOLDS.format(*(f"${first + n}" for n in range(_HOLD_COLUMNS)))
    return text + "\nSELECT place, balance, held FROM spent"


class SwiftConnection:
    """One dedicated connection with its prepared statements. Not for two at once."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._prepared: dict[object, Any] = {}

    @property
    def is_open(self) -> bool:
        return not self._connection.is_closed()

    async def post(self, wallets: Columns, charges: Columns, holds: Columns, *, at: datetime) -> Sequence[Any]:
        """(place, balance, held) of each wallet that was moved; `place` counts from 1. Raises IdTaken, WalletsBusy."""
        key = (len(wallets[0]) > 1, len(charges), bool(holds))
        prepared = self._prepared.get(key)
        with translated():
            if prepared is None:
                text = statement(several=key[0], charges=key[1], holds=key[2])
                prepared = self._prepared[key] = await self._connection.prepare(text)
            rows: Sequence[Any] = await prepared.fetch(*wallets, at, *charges, *holds)
        return rows

    async def tell_progress(self, columns: Columns) -> Sequence[Any]:
        """(place, balance, held) of each open hold that was told of. Raises WalletsBusy."""
        prepared = self._prepared.get("progress")
        with translated():
            if prepared is None:
                prepared = self._prepared["progress"] = await self._connection.prepare(_PROGRESS)
            rows: Sequence[Any] = await prepared.fetch(*columns)
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
