"""What went back: refunds with who asked and why, and disputes with what they took, kept and restored."""

from collections.abc import Iterator

from services.billing.domain.dispute import Dispute
from services.billing.domain.dispute_shares import ShareChange
from services.billing.domain.disputing import ANSWERABLE
from services.billing.domain.payment_story.amounts import credits_text, money_text
from services.billing.domain.payment_story.facts import Facts, KeptRefund, StoryLine, references
from services.billing.domain.refund import Refund, RefundStatus


def lines_of_returns(facts: Facts) -> Iterator[StoryLine]:
    """In no order."""
    for kept in facts.refunds:
        yield from _refund(kept)
    for dispute in facts.disputes:
        changes = [change for change in facts.changes if change.dispute_id == dispute.id]
        yield from _dispute(dispute, at_first=dispute.millicredits - sum(each.millicredits for each in changes))
        for change in changes:
            yield StoryLine(change.made_at, "dispute", _changed(change), _named(dispute), rank=3)


def _refund(kept: KeptRefund) -> Iterator[StoryLine]:
    refund = kept.refund
    named = references(refund_id=refund.id, stripe_refund_id=refund.stripe_id, requested_by=refund.requested_by)
    yield StoryLine(refund.created_at, "refund", _asked(refund), named, rank=1)
    if not refund.asked_for:
        yield StoryLine(kept.since, "refund", _stands(refund), named, rank=8)


def _asked(refund: Refund) -> str:
    amount = money_text(refund.amount)
    why = f" Why: {refund.reason.rstrip('.')}." if refund.reason else ""
    if refund.requested_by is None:
        return f"{amount} were refunded at Stripe, by nobody here.{why}"
    waits = " Stripe has not answered yet; it is asked again until it does." if refund.asked_for else ""
    return f"An operator asked for a refund of {amount}.{why}{waits}"


def _stands(refund: Refund) -> str:
    amount = money_text(refund.amount)
    if refund.status in (RefundStatus.FAILED, RefundStatus.CANCELED):
        why = f" ({refund.failure_reason})" if refund.failure_reason else ""
        back = f"; {credits_text(refund.returned_millicredits)} came back" if refund.returned_millicredits else ""
        return (
            f"The refund of {amount} {'failed' if refund.status is RefundStatus.FAILED else 'was canceled'}{why}{back}."
        )
    return f"The refund of {amount} {_STANDS[refund.status]}; it took back {credits_text(refund.credits_taken)}."


_STANDS = {
    RefundStatus.PENDING: "is under way",
    RefundStatus.REQUIRES_ACTION: "waits for whoever paid to act",
    RefundStatus.SUCCEEDED: "succeeded",
}


def _dispute(dispute: Dispute, *, at_first: int) -> Iterator[StoryLine]:
    """`at_first`: how many millicredits it took when it opened."""
    named = _named(dispute)
    yield StoryLine(dispute.created_at, "dispute", _disputed(dispute), named, rank=1)
    if dispute.opened_at is not None:
        yield StoryLine(dispute.opened_at, "dispute", _opened(dispute, at_first), named, rank=3)
    for at, told in ((dispute.lost_at, _lost), (dispute.won_at, _won)):
        if at is not None:
            yield StoryLine(at, "dispute", told(dispute), named, rank=3)


def _named(dispute: Dispute) -> dict[str, str]:
    return {"dispute_id": dispute.id, "stripe_dispute_id": dispute.stripe_dispute_id}


def _changed(change: ShareChange) -> str:
    if change.millicredits > 0:
        return f"A refund failed: the dispute, which covers it, took {credits_text(change.millicredits)} more."
    return f"A refund had gone before: the dispute gave back {credits_text(-change.millicredits)}."


def _disputed(dispute: Dispute) -> str:
    said = f"The customer's bank disputed {money_text(dispute.amount)} ({dispute.reason}); now it is {dispute.status}."
    if dispute.due_by is None or dispute.status not in ANSWERABLE:
        return said
    return f"{said} It can be answered until {dispute.due_by:%Y-%m-%d %H:%M} UTC."


def _opened(dispute: Dispute, taken: int) -> str:
    if not taken:
        return "The dispute opened and froze the account; there were no credits left to take."
    short = (
        f", {credits_text(dispute.uncovered_millicredits)} more than it had" if dispute.uncovered_millicredits else ""
    )
    return f"The dispute opened: it froze the account and took {credits_text(taken)}{short}."


def _lost(dispute: Dispute) -> str:
    loss = "all of it was covered"
    if dispute.uncovered_millicredits:
        loss = f"{credits_text(dispute.uncovered_millicredits)} were not covered, which is our loss"
    return f"The dispute was lost: what it took stays taken, {loss}. The account is marked, and no longer frozen by it."


def _won(dispute: Dispute) -> str:
    back = f" {credits_text(dispute.millicredits)} were given back." if dispute.millicredits else ""
    return f"The dispute ended in our favour: the account is no longer frozen by it.{back}"
