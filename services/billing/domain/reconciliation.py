"""Our payments against what Stripe has: what differs, and what is left of it after repair.

Charges, disputes and transactions of the balance are compared one by one, credited payments with the charges that were
listed, and at the end the balances themselves. A charge that names no payment of ours is another product's and no
difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from services.billing.domain.payment import PAID, Payment
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

Kind = Literal[
    "event_undelivered",
    "payment_unknown",
    "payment_not_credited",
    "charged_twice",
    "charge_missing",
    "amount_differs",
    "refund_differs",
    "dispute_differs",
    "transaction_unbooked",
    "transaction_differs",
    "balance_differs",
]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A charge as Stripe lists it. `payment_id` is what its metadata names."""

    id: str
    is_paid: bool
    amount: Money
    refunded_minor: int
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class DisputeFacts:
    """A dispute as Stripe lists it."""

    id: str
    status: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where we and Stripe do not agree about `subject` (Stripe's id, or a currency); `repaired`: not any more."""

    kind: Kind
    subject: str
    ours: str
    theirs: str
    repaired: bool = False

    def as_view(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("kind", "subject", "ours", "theirs", "repaired")}


@dataclass(frozen=True, slots=True)
class Report:
    """What one run found. `checked` counts what was compared; `drift_minor` is, for each currency, Stripe's balance
    less the ledger's account of it."""

    id: str
    days: int
    started_at: datetime
    finished_at: datetime
    checked: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    drift_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def left(self) -> tuple[Difference, ...]:
        """What a person has to look at."""
        return tuple(each for each in self.differences if not each.repaired)

    @property
    def agrees(self) -> bool:
        return not self.left

    def lines(self) -> list[str]:
        """For a terminal."""
        checked = ", ".join(f"{number} {what}" for what, number in self.checked.items()) or "nothing"
        said = [f"Compared with Stripe over {self.days} days: {checked}."]
        for each in self.differences:
            mark = "repaired" if each.repaired else "DIFFERS "
            said.append(f"  {mark}  {each.kind}  {each.subject}: ours {each.ours}, Stripe's {each.theirs}")
        return [*said, "All agrees." if self.agrees else f"{len(self.left)} differences are left."]

    def as_view(self) -> dict[str, object]:
        """As the API says it."""
        return {
            "id": self.id,
            "days": self.days,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "agrees": self.agrees,
            "checked": self.checked,
            "repaired": len(self.differences) - len(self.left),
            "differences": [each.as_view() for each in self.differences],
            "drift": [Money(minor, currency).as_json() for currency, minor in sorted(self.drift_minor.items())],
        }


def compare_charge(charge: ChargeFacts, payment: Payment | None) -> Difference | None:
    """How a charge and the payment that it names differ, the gravest first."""
    if not charge.is_paid or charge.payment_id is None:
        return None
    theirs = _told(charge.amount)
    if payment is None:
        return Difference("payment_unknown", charge.id, ours="none", theirs=theirs)
    if payment.status not in PAID:
        return Difference("payment_not_credited", charge.id, ours=payment.status.value, theirs=theirs)
    if payment.charge_id is not None and payment.charge_id != charge.id:
        return _charged_twice(charge, payment.charge_id)
    return _amounts_differ(charge, payment)


def _amounts_differ(charge: ChargeFacts, payment: Payment) -> Difference | None:
    theirs = _told(charge.amount)
    if payment.amount != charge.amount:
        return Difference("amount_differs", charge.id, ours=_told(payment.amount), theirs=theirs)
    if payment.refunded_minor != charge.refunded_minor:
        ours = _told(Money(payment.refunded_minor, payment.amount.currency))
        refunded = _told(Money(charge.refunded_minor, charge.amount.currency))
        return Difference("refund_differs", charge.id, ours=ours, theirs=refunded)
    return None


def _charged_twice(charge: ChargeFacts, credited_charge_id: str) -> Difference | None:
    """Money that gave no credits, since another charge had given them; none once it has gone back whole."""
    if charge.refunded_minor >= charge.amount.amount_minor:
        return None
    return Difference("charged_twice", charge.id, ours=credited_charge_id, theirs=_told(charge.amount))


def compare_dispute(dispute: DisputeFacts, known_status: str | None) -> Difference | None:
    """The same of a dispute, by the status that we know."""
    if known_status == dispute.status:
        return None
    return Difference("dispute_differs", dispute.id, ours=known_status or "none", theirs=dispute.status)


def charge_missing(charge_id: str, amount: Money) -> Difference:
    """A payment was credited for a charge that Stripe does not list as paid."""
    return Difference("charge_missing", charge_id, ours=_told(amount), theirs="none")


def compare_transaction(transaction: BalanceTransaction, noted: Money | None) -> Difference | None:
    """The same of a transaction of the balance, by its net as it was booked; None of `noted` where it was not, and is
    now."""
    theirs = Money(transaction.net_minor, transaction.currency)
    if noted is None:
        return Difference("transaction_unbooked", transaction.id, ours="none", theirs=_told(theirs), repaired=True)
    if noted != theirs:
        return Difference("transaction_differs", transaction.id, ours=_told(noted), theirs=_told(theirs))
    return None


def drift(theirs: Mapping[str, int], ours: Mapping[str, int]) -> dict[str, int]:
    """Stripe's balance less the ledger's, in minor units, for each currency that either has."""
    return {currency: theirs.get(currency, 0) - ours.get(currency, 0) for currency in {*theirs, *ours}}


def of_drift(drift_minor: Mapping[str, int]) -> list[Difference]:
    """The currencies in which the balances do not agree."""
    return [
        Difference("balance_differs", currency, ours="0", theirs=str(minor))
        for currency, minor in sorted(drift_minor.items())
        if minor
    ]


def _told(money: Money) -> str:
    return f"{money.amount_minor} {money.currency}"
