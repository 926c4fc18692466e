"""Holds past their expiry: what their calls had cost by the last word of it is charged, the rest is free again.

Nobody knows how such a call ended, so its record says `unknown`; where something is charged, it is flagged.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import Book, HoldRow, Key, UsageChange
from services.billing.domain.ledger.decide.desk import Desk
from services.billing.domain.ledger.items import call_text
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Lapse:
    """What one round of the sweep writes."""

    wallets: Sequence[Wallet]
    holds: Sequence[HoldRow]
    transfers: Sequence[Transfer]
    usage: Sequence[UsageChange]


def lapse(wallets: Mapping[str, Wallet], holds: Sequence[HoldRow], taken: Collection[Key]) -> Lapse:
    """Expire open holds of locked wallets. The charge bears the hold's own id; where that id is `taken` by another
    transfer, nothing can be charged under it."""
    desk = Desk(Book(wallets=wallets))
    expired = [_expire(desk, hold, may_charge=(hold.account_id, hold.id) not in taken) for hold in holds]
    decision = desk.decision(())
    return Lapse(decision.wallets, expired, decision.transfers, decision.usage)


def _expire(desk: Desk, hold: HoldRow, *, may_charge: bool) -> HoldRow:
    """In one movement, as a capture: the wallet is not taken under zero, and the charge never exceeds the hold."""
    assert hold.state == "open" and hold.lapsed and hold.call is not None
    account_id, call = hold.account_id, hold.call
    charged = min(hold.spent, max(desk.purses[account_id].balance, 0)) if may_charge else 0
    desk.move(account_id, balance=-charged, held=-hold.amount, positions=1 if charged else 0)
    if charged:
        text = call_text(call)
        desk.write(account_id, hold.id, Kind.CHARGE, charged, text, request_id=call.request_id, refers_to=hold.id)
    record = replace(call, outcome="unknown", flagged=charged > 0)
    desk.use(account_id, record, credits=charged, held=hold.amount)
    return replace(hold, state="expired", captured=charged)
