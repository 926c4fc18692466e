"""The money side of one dispute, as far as it has come."""

from dataclasses import replace

from services.billing.domain.books.posting import MoneyPosting
from services.billing.domain.books.postings import (
    dispute_lost,
    dispute_opened,
    dispute_recovered,
    dispute_reinstated,
)
from services.billing.domain.dispute import Dispute, DisputeState
from services.billing.domain.payment import Payment


def postings_of(dispute: Dispute, state: DisputeState, payment: Payment) -> list[MoneyPosting]:
    """Everything that is to be in the book for it by now; each is known by Stripe's id of the dispute, so booking them
    all again books what is new. The amount is the one that was first heard of."""
    told = replace(state, amount=dispute.amount)
    taken, uncovered = dispute.millicredits, dispute.uncovered_millicredits
    postings = []
    if dispute.withdrawn_at is not None:
        postings.append(dispute_opened(told, payment, millicredits=taken))
    if dispute.reinstated_at is not None:
        postings.append(dispute_reinstated(told, payment, millicredits=taken))
    if dispute.lost_at is not None:
        postings.append(dispute_lost(told, uncovered_millicredits=uncovered))
    if dispute.lost_at is not None and dispute.won_at is not None:
        postings.append(dispute_recovered(told, uncovered_millicredits=uncovered))
    return postings
