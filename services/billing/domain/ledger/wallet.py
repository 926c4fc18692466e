"""A customer's wallet: what it has, what running calls hold of it, and whether it may spend."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

FrozenReason = Literal["negative_balance", "dispute"]


@dataclass(frozen=True, slots=True)
class Wallet:
    """Millicredits. `last_position` is the number of its transfers; `overdrawn` says that a refund or dispute took
    what was held or more, which alone allows `balance < held`. `next_expiry_at` (business time) is when some of its
    credits may expire: from then on nothing is spent before `grant_expiry.expire_due` was there."""

    account_id: str
    balance: int = 0
    held: int = 0
    last_position: int = 0
    open_disputes: int = 0
    overdrawn: bool = False
    next_expiry_at: datetime | None = None

    @property
    def available(self) -> int:
        """What may be spent. Under zero only where a refund or dispute took what was held."""
        return self.balance - self.held

    @property
    def frozen_reason(self) -> FrozenReason | None:
        """Why nothing may be spent, if so. The database computes the same from the same columns."""
        if self.open_disputes > 0:
            return "dispute"
        return "negative_balance" if self.balance < 0 else None


def settled(wallet: Wallet, *, balance: int, held: int, last_position: int) -> Wallet:
    """The wallet after a movement that spends or gives; being overdrawn ends when what is held is covered again."""
    return Wallet(
        account_id=wallet.account_id,
        balance=balance,
        held=held,
        last_position=last_position,
        open_disputes=wallet.open_disputes,
        overdrawn=wallet.overdrawn and balance < held,
        next_expiry_at=wallet.next_expiry_at,
    )


def overdrawn_by(wallet: Wallet, *, amount: int) -> Wallet:
    """The wallet after a refund or dispute took `amount`, whatever was there."""
    balance = wallet.balance - amount
    return replace(wallet, balance=balance, last_position=wallet.last_position + 1, overdrawn=balance < wallet.held)
