"""What is to be asked of Stripe because of what a subscription has become. Each is wanted once; `key` names it.

    deed       when                                                               so that
    cancel     it ended here (a refund, a lost dispute, its license revoked by    nothing more is charged
               an operator), and goes on at Stripe
    void       it ended, and an invoice is open                                   retries stop, nobody can pay it
    refund     it ended, and an invoice was paid after that                       nobody pays for nothing
    collect    Stripe gave it up as unpaid, what failed was paid, a draft waits   it recovers
    pay        an invoice failed, and there is a card that was not refused        a new card is charged at once
    keep_card  an invoice failed, which another card may pay on its page          that card pays what follows

Nothing else is tried here: whether a card that was refused is charged again is Stripe's to decide. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.billing.domain.subscriptions.standing import failing_invoice
from services.billing.domain.subscriptions.subscription import (
    FINAL,
    InvoiceState,
    Subscription,
    SubscriptionId,
    SubscriptionState,
)

_ENDED_AT_STRIPE = frozenset({"canceled", "incomplete_expired"})


class DeedKind(StrEnum):
    CANCEL = "cancel"
    VOID = "void"
    REFUND = "refund"
    COLLECT = "collect"
    PAY = "pay"
    KEEP_CARD = "keep_card"


@dataclass(frozen=True, slots=True)
class Deed:
    """`object_id` is Stripe's subscription or invoice, `card_id` the card that pays."""

    kind: DeedKind
    subscription_id: SubscriptionId
    object_id: str
    card_id: str | None = None

    @property
    def key(self) -> str:
        """Once in the database, and Stripe's idempotency key."""
        named = f"{self.kind}:{self.object_id}"
        return named if self.card_id is None else f"{named}:{self.card_id}"


def deeds_wanted(after: Subscription, state: SubscriptionState) -> Iterator[Deed]:
    """What the subscription as it was judged wants of the state that it was judged by."""
    if after.standing in FINAL:
        yield from _of_an_end(after, state)
        return
    failing = failing_invoice(state)
    if failing is not None:
        if not state.keeps_card and state.status != "incomplete":
            yield Deed(DeedKind.KEEP_CARD, after.id, state.id)
        card_id = _another_card(state, failing)
        if card_id is not None:
            yield Deed(DeedKind.PAY, after.id, failing.id, card_id)
    elif state.status == "unpaid":
        drafts = [invoice for invoice in state.invoices if invoice.status == "draft"]
        if drafts:
            newest = max(drafts, key=lambda invoice: invoice.created_at)
            yield Deed(DeedKind.COLLECT, after.id, newest.id)


def deed_of_end(after: Subscription) -> Deed | None:
    """The same for one that ended here without a state of Stripe's; what else is to be done follows from the state that
    is read once that is done. None of one that Stripe has not begun."""
    if after.stripe_subscription_id is None:
        return None
    return Deed(DeedKind.CANCEL, after.id, after.stripe_subscription_id)


def _of_an_end(after: Subscription, state: SubscriptionState) -> Iterator[Deed]:
    if state.status not in _ENDED_AT_STRIPE:
        yield Deed(DeedKind.CANCEL, after.id, state.id)
    for invoice in state.invoices:
        if invoice.status == "open":
            yield Deed(DeedKind.VOID, after.id, invoice.id)
        if _was_paid_after_the_end(after, invoice):
            yield Deed(DeedKind.REFUND, after.id, invoice.id)


def _was_paid_after_the_end(after: Subscription, invoice: InvoiceState) -> bool:
    if invoice.status != "paid" or invoice.paid_minor <= 0 or invoice.paid_at is None:
        return False
    return after.canceled_at is not None and invoice.paid_at > after.canceled_at


def _another_card(state: SubscriptionState, failing: InvoiceState) -> str | None:
    """A card that may pay and is not the one that was refused: the customer's, who chose it, before its own. One that
    has become its own by paying another invoice meanwhile was given for that one alone: Stripe asks it at its next
    try."""
    cards = (state.default_card_id, None if _one_was_paid_since(state, failing) else state.card_id)
    return next((card for card in cards if card is not None and card != failing.failed_card_id), None)


def _one_was_paid_since(state: SubscriptionState, failing: InvoiceState) -> bool:
    since = failing.created_at
    return any(invoice.status == "paid" and (invoice.paid_at or since) > since for invoice in state.invoices)
