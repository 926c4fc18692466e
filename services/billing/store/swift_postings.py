"""A batch of charges and holds as one statement, for wallets that plainly cover all that is asked of them.

The wallets are moved one by one as they are given, in the order of their ids, where what is available covers the
batch's sum for them; the rows are inserted for those wallets alone. Nothing locks them beforehand: a lock changes the
row as well, and was a seventh of a batch's cost. Any plan that reads wallets by their key keeps the order; one that did
not would cost time where two batches met in a ring, and nothing else.

Accounts that are not answered have had nothing done to them. A unique key or a lock that is not had in time undoes the
statement. One statement is its own transaction, committed synchronously.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg

from services.billing.domain.ledger.usage import Ending
from services.billing.domain.ledger.wallet import Wallet
from services.billing.store import usage_records, wallets
from services.billing.store.ledger_connection import translated

_MOVED = """
spent AS (
    UPDATE wallets SET balance = balance - {spend}, held = held + {hold}, last_position = last_position + {charges},
                       overdrawn = false
    {source}
    WHERE wallets.account_id = {account_id} AND balance - wallets.held >= {spend} + {hold}
      AND open_disputes = 0
      AND (next_expiry_at IS NULL OR next_expiry_at > $1::timestamptz + interval '1 minute')
    RETURNING wallets.account_id, {place} AS place, balance, held, last_position, {spend} AS spend, {charges} AS charges
)"""

_ONE = {
    "account_id": "$2::text",
    "spend": "$3::bigint",
    "hold": "$4::bigint",
    "charges": "$5::bigint",
    "place": "1::bigint",
    "source": "",
}
"""A batch of one account needs no rows for its wallet."""

_SEVERAL = {
    "account_id": "asked.account_id",
    "spend": "asked.spend",
    "hold": "asked.hold",
    "charges": "asked.charges",
    "place": "place",
    "source": """FROM unnest($2::wallet_to_move[]) WITH ORDINALITY
         AS asked (account_id, spend, hold, charges, place)""",
}

_CHARGES = """,
charged AS (
    INSERT INTO transfers (account_id, id, kind, amount, balance_after, position, request_id, description, created_at)
    SELECT account_id, id, 'charge', amount, balance + spend - through, last_position - charges + number, request_id,
           'Call of ' || route, $1
    FROM unnest({rows}::charge_to_post[]) JOIN spent USING (place)
), used AS (
    INSERT INTO usage_records (account_id, request_id, route, key_id, price_version, held, credits, created_at,
                               calls, tokens, units, outcome, flagged)
    SELECT account_id, request_id, route, key_id, price_version, 0, amount, $1, calls, tokens, units, outcome, flagged
    FROM unnest({rows}::charge_to_post[]) JOIN spent USING (place)
)"""

_HOLDS = """,
opened AS (
    INSERT INTO holds (account_id, id, amount, asked, state, expires_at, request_id, route, key_id, price_version,
                       calls, tokens, units, created_at)
    SELECT account_id, id, amount, amount, 'open', clock_timestamp() + lasts_ms * interval '1 millisecond', request_id,
           route, key_id, price_version, calls, tokens, units, $1
    FROM unnest({rows}::hold_to_open[]) JOIN spent USING (place)
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

_UNKNOWN = f"""
SELECT {wallets.COLUMNS}
FROM unnest($1::text[]) AS asked (account_id) LEFT JOIN wallets USING (account_id)
WHERE account_id <> ALL(ARRAY(SELECT account_id FROM transfers WHERE id = ANY($2) AND id BETWEEN $3 AND $4))
  AND account_id <> ALL(ARRAY(SELECT account_id FROM holds WHERE id = ANY($2) AND id BETWEEN $3 AND $4))
"""  # noqa: S608
"""The least and the greatest id name the months to look in."""

_FIRST_ROWS_OF_ONE, _FIRST_ROWS_OF_SEVERAL = 6, 3

Rows = Sequence[tuple[Any, ...]]
"""As the types of migration 0007 have them. One array of rows costs either side less than an array for each column."""


@cache
def statement(*, several: bool, charges: bool, holds: bool) -> str:
    """The text for a batch: only what it has."""
    text = "WITH" + _MOVED.format(**(_SEVERAL if several else _ONE))
    rows = _FIRST_ROWS_OF_SEVERAL if several else _FIRST_ROWS_OF_ONE
    if charges:
        text += _CHARGES.format(rows=f"${rows}")
        rows += 1
    if holds:
        text += _HOLDS.format(rows=f"${rows}")
    return text + "\nSELECT place, balance, held FROM spent"


class SwiftConnection:
    """One dedicated connection, which keeps its statements prepared. Not for two at once."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    @property
    def is_open(self) -> bool:
        return not self._connection.is_closed()

    async def post(self, wallets: Rows, charges: Rows, holds: Rows, *, at: datetime) -> Sequence[Any]:
        """(place, balance, held) of each wallet that was moved; `place` counts from 1. `wallets` come in the order of
        their accounts' ids. Raises IdTaken, WalletsBusy."""
        several = len(wallets) > 1
        text = statement(several=several, charges=bool(charges), holds=bool(holds))
        moved = (wallets,) if several else wallets[0]
        rows = [given for given in (charges, holds) if given]
        with translated():
            found: Sequence[Any] = await self._connection.fetch(text, at, *moved, *rows)
        return found

    async def wallets_of_unknown(self, account_ids: Sequence[str], ids: Sequence[UUID]) -> dict[str, Wallet]:
        """The wallets of those accounts of which none of these charges' and holds' ids is known, as of one moment and
        not locked. An account that never had one reads as zeros."""
        rows = await self._connection.fetch(_UNKNOWN, account_ids, ids, min(ids), max(ids))
        return {
            row["account_id"]: Wallet(row["account_id"]) if row["balance"] is None else wallets.wallet_from(row)
            for row in rows
        }

    async def tell_progress(self, columns: Sequence[Sequence[Any]]) -> Sequence[Any]:
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
