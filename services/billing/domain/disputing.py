"""What the present state of a dispute means: which steps are still to be booked, and how many credits it covers.

    warning_*                                  an inquiry: recorded, and nothing else
    needs_response, under_review               OPEN   credits taken, account frozen
    lost, appeal_needs_response, appeal_...    LOSE   account thawed, credits stay taken
    won                                        WIN    credits back, account thawed
    warning_closed, prevented                  WIN where it had been opened, else nothing

Each step is booked once. States come late and doubled: a status counts only where it is as far as the known one, and
a later status implies the steps before it (and so does money that was withdrawn), so that any order of the same states
books the same. `won` is the last word: an appeal may turn a loss into it, and nothing follows. Pure; credits in
millicredits.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from services.billing.domain.dispute import Dispute, DisputeId, DisputeState
from services.billing.domain.payment import Payment, PaymentId
from shared.errors import DomainError

Standing = Literal["good", "negative_balance", "disputed"]

_PROGRESS = {
    "warning_needs_response": 0,
    "warning_under_review": 1,
    "warning_closed": 2,
    "needs_response": 3,
    "under_review": 4,
    "prevented": 5,
    "lost": 6,
    "appeal_needs_response": 6,
    "appeal_under_review": 6,
    "won": 7,
}
"""How far a status is on its way; an appeal begins and may end at `lost`, so these three follow each other freely."""

STATUSES = frozenset(_PROGRESS)
_LOST = frozenset({"lost", "appeal_needs_response", "appeal_under_review"})
_OPENED = frozenset({"needs_response", "under_review", "won"}) | _LOST
_ENDED_WELL = frozenset({"won", "prevented", "warning_closed"})


class PaymentNotSettledYet(Exception):
    """A dispute came before the news of its payment's success. That news is on its way: try again."""

    def __init__(self, payment_id: PaymentId) -> None:
        super().__init__(f"the disputed payment {payment_id} has not been settled here yet")


ANSWERABLE = frozenset({"needs_response", "warning_needs_response"})
"""Evidence may be submitted, once. (An appeal is made at Stripe.)"""


class DisputeNotAnswerable(DomainError):
    """The bank takes no evidence any more, or Stripe would not pass it on."""

    def __init__(self, why: str) -> None:
        super().__init__("dispute_not_answerable", why)


class Step(StrEnum):
    """What is booked once for a dispute, in this order."""

    OPEN = "opened"
    LOSE = "lost"
    WIN = "won"


def recorded(state: DisputeState, payment: Payment, *, dispute_id: DisputeId, at: datetime) -> Dispute:
    """A dispute that is heard of for the first time, with nothing booked."""
    return Dispute(
        id=dispute_id,
        stripe_dispute_id=state.id,
        payment_id=payment.id,
        account_id=payment.account_id,
        charge_id=state.charge_id,
        amount=state.amount,
        usd_minor=payment.usd_minor * disputed_minor(state, payment) // payment.amount.amount_minor,
        status=state.status,
        reason=state.reason,
        due_by=state.due_by,
        created_at=at,
    )


def heard(dispute: Dispute, state: DisputeState) -> Dispute:
    """The dispute with what a state tells. Of one that comes late only the movements of money are taken."""
    told = replace(
        dispute,
        withdrawn_at=dispute.withdrawn_at or state.withdrawn_at,
        reinstated_at=dispute.reinstated_at or state.reinstated_at,
    )
    if _PROGRESS[state.status] < _PROGRESS[dispute.status]:
        return told
    return replace(told, status=state.status, reason=state.reason, due_by=state.due_by)


def steps_left(dispute: Dispute) -> tuple[Step, ...]:
    """What its status asks for and was not booked yet."""
    opened = dispute.opened_at is not None or dispute.withdrawn_at is not None or dispute.status in _OPENED
    left = []
    if opened and dispute.opened_at is None:
        left.append(Step.OPEN)
    if dispute.status in _LOST and dispute.lost_at is None:
        left.append(Step.LOSE)
    if opened and dispute.status in _ENDED_WELL and dispute.won_at is None:
        left.append(Step.WIN)
    return tuple(left)


def disputed_minor(dispute: DisputeState | Dispute, payment: Payment) -> int:
    """How much of the payment is disputed, in its own currency. The bank's amount may differ a little from the
    charge's: never more than the payment, and all of it where the bank counts in another currency."""
    if dispute.amount.currency != payment.amount.currency:
        return payment.amount.amount_minor
    return min(dispute.amount.amount_minor, payment.amount.amount_minor)


def credits_covered(payment: Payment, disputed: int, others: Iterable[Dispute]) -> int:
    """Millicredits to take for `disputed` minor units of the payment: their share, rounded down, and never more than
    refunds and the other disputes have left; all that is left where nothing of the payment stays undisputed."""
    paid, bought = payment.amount.amount_minor, payment.millicredits
    keeping = [other for other in others if other.keeps]
    gone_minor = payment.refunded_minor + sum(disputed_minor(other, payment) for other in keeping)
    left = bought - bought * payment.refunded_minor // paid - sum(other.millicredits for other in keeping)
    if gone_minor + disputed >= paid:
        return max(0, left)
    return max(0, min(bought * disputed // paid, left))


def check_answerable(dispute: Dispute) -> None:
    """Raises DisputeNotAnswerable."""
    if dispute.status not in ANSWERABLE:
        raise DisputeNotAnswerable(f"This dispute is {dispute.status}: evidence was submitted, or is too late.")


def not_covered(taken: int, *, balance_before: int) -> int:
    """The part of what was taken that the wallet did not have."""
    return taken - min(taken, max(0, balance_before))


def opened(dispute: Dispute, *, taken: int, uncovered: int, taken_by: UUID | None, at: datetime) -> Dispute:
    """The dispute once its credits are taken."""
    assert dispute.opened_at is None and (taken_by is None) == (taken == 0)
    return replace(dispute, millicredits=taken, uncovered_millicredits=uncovered, taken_by=taken_by, opened_at=at)


def lost(dispute: Dispute, *, at: datetime) -> Dispute:
    """The dispute once its loss is booked."""
    assert dispute.freezes
    return replace(dispute, lost_at=at)


def won(dispute: Dispute, *, restored_by: UUID | None, at: datetime) -> Dispute:
    """The dispute once its credits are back."""
    assert dispute.keeps and (restored_by is None) == (dispute.millicredits == 0)
    return replace(dispute, restored_by=restored_by, won_at=at)


def standing(*, frozen_reason: str | None, marked: bool) -> Standing:
    """How an account stands with us. `marked`: one of its disputes is open or lost."""
    if marked or frozen_reason == "dispute":
        return "disputed"
    return "negative_balance" if frozen_reason is not None else "good"
