"""What each dispute of a payment must have of its credits, when refunds come or fail after it took its share.

A dispute takes no more than refunds leave. Where a refund fails, as it may days later, what it gives back is the
dispute's if that disputes the whole; where one is heard of late, what the dispute took of it is given back. So credits
follow from what there is at Stripe, not from the order in which it was heard. Pure; millicredits.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.billing.domain.books.posting import MoneyPosting
from services.billing.domain.books.postings import dispute_resized
from services.billing.domain.dispute import Dispute, DisputeId
from services.billing.domain.disputing import credits_covered, disputed_minor
from services.billing.domain.payment import Payment


@dataclass(frozen=True, slots=True)
class ShareMove:
    """A dispute before and after its share was put right."""

    before: Dispute
    after: Dispute

    @property
    def millicredits(self) -> int:
        """Over zero where the wallet gives so many, under zero where it gets them back."""
        return self.after.millicredits - self.before.millicredits


@dataclass(frozen=True, slots=True)
class ShareChange:
    """A move that was made: the transfer, and what it took (over zero) or gave back."""

    transfer_id: UUID
    dispute_id: DisputeId
    millicredits: int
    made_at: datetime


def moves_due(payment: Payment, disputes: Iterable[Dispute]) -> Iterator[ShareMove]:
    """Which of a payment's disputes have another share than its refunds now leave them. One whose money came back is
    about to be won, and left alone."""
    placed: list[Dispute] = []
    for dispute in sorted((each for each in disputes if each.keeps), key=_opened):
        after = dispute if dispute.reinstated_at else _with_share(dispute, payment, placed)
        placed.append(after)
        if after != dispute:
            yield ShareMove(dispute, after)


def taken_by(move: ShareMove, transfer_id: UUID) -> Dispute:
    """The dispute once the transfer is posted; it keeps the first that took for it."""
    return replace(move.after, taken_by=move.after.taken_by or transfer_id)


def posting_of_move(move: ShareMove, transfer_id: UUID) -> MoneyPosting | None:
    """Its money's side; None while nothing is booked of the dispute, whose opening will then book the whole share."""
    if move.after.withdrawn_at is None:
        return None
    recovered = move.before.uncovered_millicredits - move.after.uncovered_millicredits
    return dispute_resized(
        move.after.amount,
        before=move.before.millicredits,
        after=move.after.millicredits,
        recovered=recovered if move.after.lost_at else 0,
        reference=str(transfer_id),
    )


def _with_share(dispute: Dispute, payment: Payment, others: list[Dispute]) -> Dispute:
    """What a failed refund gave the wallet covers what is taken of it, so nothing more is uncovered by that."""
    share = credits_covered(payment, disputed_minor(dispute, payment), others)
    return replace(dispute, millicredits=share, uncovered_millicredits=min(dispute.uncovered_millicredits, share))


def _opened(dispute: Dispute) -> tuple[datetime, str]:
    assert dispute.opened_at is not None
    return dispute.opened_at, dispute.id
