"""Sums over the balance transactions: what Stripe holds for the account, in each currency."""

import sqlite3
from dataclasses import dataclass

from deploy.stripe_sandbox.domain.values import Json


@dataclass(frozen=True)
class Holding:
    """Both amounts are net, in the currency's minor unit, and may be negative."""

    currency: str
    available_minor: int
    pending_minor: int


class Ledger:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def holdings(self, *, now: int) -> list[Holding]:
        """One for each currency that ever moved, by name: what is available at `now`, and what is not yet."""
        rows = self._connection.execute(
            "SELECT json_extract(body, '$.currency') AS currency, "
            "sum(iif(json_extract(body, '$.available_on') <= ?, json_extract(body, '$.net'), 0)), "
            "sum(iif(json_extract(body, '$.available_on') > ?, json_extract(body, '$.net'), 0)) "
            "FROM objects WHERE kind = 'balance_transaction' GROUP BY currency ORDER BY currency",
            (now, now),
        )
        return [Holding(*row) for row in rows]

    def mark_paid_out(self, payout: Json, *, now: int) -> None:
        """Every available transaction of the payout's currency that no payout took yet belongs to this one."""
        self._connection.execute(
            "UPDATE objects SET hidden = json_object('payout', ?) WHERE kind = 'balance_transaction' "
            "AND hidden IS NULL AND json_extract(body, '$.currency') = ? "
            "AND json_extract(body, '$.available_on') <= ?",
            (payout["id"], payout["currency"], now),
        )
