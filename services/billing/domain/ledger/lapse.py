"""Holds past their expiry: what they held is free again, and their calls are recorded as charged nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from services.billing.domain.ledger.book import HoldRow, UsageChange
from services.billing.domain.ledger.wallet import Wallet, settled


@dataclass(frozen=True, slots=True)
class Lapse:
    """What one round of the sweep writes."""

    wallets: Sequence[Wallet]
    holds: Sequence[HoldRow]
    usage: Sequence[UsageChange]


def lapse(wallets: Mapping[str, Wallet], holds: Sequence[HoldRow]) -> Lapse:
    """Expire open holds of locked wallets. How their calls ended is not known: the outcome stays `unknown`."""
    after = dict(wallets)
    for hold in holds:
        assert hold.state == "open" and hold.lapsed
        after[hold.account_id] = _freed(after[hold.account_id], hold.amount)
    return Lapse(
        wallets=[after[account_id] for account_id in sorted({hold.account_id for hold in holds})],
        holds=[replace(hold, state="expired") for hold in holds],
        usage=_records(holds),
    )


def _freed(wallet: Wallet, amount: int) -> Wallet:
    return settled(wallet, balance=wallet.balance, held=wallet.held - amount, last_position=wallet.last_position)


def _records(holds: Sequence[HoldRow]) -> list[UsageChange]:
    """One record for each call, though a call may have had several holds."""
    records: dict[tuple[str, object], UsageChange] = {}
    for hold in holds:
        assert hold.call is not None
        key = (hold.account_id, hold.call.request_id)
        earlier = records[key].held if key in records else 0
        records[key] = UsageChange(
            hold.account_id, hold.call.request_id, hold.call, 0, hold.amount + earlier, "unknown"
        )
    return list(records.values())
