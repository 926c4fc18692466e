"""Explaining a payment: everything that the tables hold of it, as one story. Asks nobody else and locks nothing, so it
works while Stripe and the rest are away."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from uuid import UUID

from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.dispute import Dispute
from services.billing.domain.payment import PREFIX, Payment, Status
from services.billing.domain.payment_story import (
    Booked,
    Deed,
    Facts,
    HeardEvent,
    KeptRefund,
    StoryLine,
    headline,
    story_of,
)
from services.billing.domain.pricing import rate_text
from services.billing.domain.refund import Refund
from services.billing.domain.score import score_number
from services.billing.domain.stripe_balance import NotedTransaction
from services.billing.store import (
    dispute_changes,
    disputes,
    payment_steps,
    payment_stories,
    payments,
    refunds,
    stripe_transactions,
    webhook_events,
)
from shared import audit
from shared.db import Connection, Database
from shared.errors import DomainError, NotFound
from shared.ids import decode
from shared.money import Credits, Money

MOST_EVENTS = 500
"""Events that one story tells of; more than Stripe sends of any payment."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A payment and its story."""

    payment: Payment
    story: list[StoryLine]

    def as_view(self) -> dict[str, object]:
        """As the API says it."""
        return {"payment": operators_view(self.payment), "story": [line.as_view() for line in self.story]}

    def lines(self) -> list[str]:
        """For a terminal."""
        return [headline(self.payment), *(line.line() for line in self.story)]


async def explain_payment(database: Database, payment_id: str) -> Explained:
    """The payment, whosever it is, and its story in order. Raises NotFound."""
    if decode(PREFIX, payment_id) is None:
        raise NotFound("payment")
    async with database.transaction() as connection:
        payment = await payments.find(connection, payment_id)
        if payment is None:
            raise NotFound("payment")
        facts = await _facts(connection, payment)
    return Explained(payment, story_of(facts))


async def list_all_payments(
    database: Database, *, status: Status | None, account_id: str | None, after: str | None, limit: int
) -> list[Payment]:
    """Up to `limit` payments of everybody's, newest first. Raises `invalid_cursor`."""
    async with database.transaction() as connection:
        if after is not None and await payments.find(connection, after) is None:
            raise DomainError("invalid_cursor", "`after` is no payment here.")
        return await payments.page_of_all(connection, status=status, account_id=account_id, after=after, limit=limit)


def operators_view(payment: Payment) -> dict[str, object]:
    """A payment as operators see it: with Stripe's ids and its flags, without its addresses and pages."""
    return {
        "id": payment.id,
        "account_id": payment.account_id,
        "type": payment.type,
        "status": payment.status.value,
        "origin": payment.origin,
        "amount": payment.amount,
        "refunded": Money(payment.refunded_minor, payment.amount.currency),
        "usd": Money(payment.usd_minor, "usd"),
        "rate": rate_text(payment.rate_micros),
        "credits": Credits(payment.millicredits),
        "score": score_number(payment.score),
        "reasons": [{"code": reason.code, "detail": reason.detail} for reason in payment.reasons],
        "flags": list(payment.flags),
        "session_id": payment.session_id,
        "intent_id": payment.intent_id,
        "charge_id": payment.charge_id,
        "created_at": payment.created_at,
        "expires_at": payment.expires_at,
        "succeeded_at": payment.succeeded_at,
    }


async def _facts(connection: Connection, payment: Payment) -> Facts:
    steps = await payment_steps.of_payment(connection, payment.id)
    given_back = await refunds.of_payment(connection, payment.id)
    disputed = await disputes.of_payment(connection, payment.id)
    changes = await dispute_changes.of_payment(connection, payment.id)
    since = await payment_stories.refunds_since(connection, payment.id)
    sources = [*_charged(payment), *_returned(given_back, disputed)]
    transactions = await stripe_transactions.of_sources(connection, sources)
    about = {payment.id, *sources, *_paid_by(payment), *(step.session_id for step in steps if step.session_id)}
    events = await webhook_events.naming(connection, about, limit=MOST_EVENTS)
    changed = [str(change.transfer_id) for change in changes]
    booked = await payment_stories.postings(
        connection, [payment.id, *sources, *changed, *(tx.id for tx in transactions)]
    )
    subjects = [*sources, *(tx.id for tx in transactions), *(event.stripe_event_id for event in events)]
    moved = [*_transfers(payment, given_back, disputed), *(change.transfer_id for change in changes)]
    return Facts(
        payment=payment,
        steps=tuple(steps),
        events=tuple(HeardEvent(**asdict(event)) for event in events),
        entries=tuple(await payment_stories.entries(connection, payment.account_id, set(moved))),
        postings=tuple(_at_noting(booked, transactions)),
        transactions=tuple(transactions),
        refunds=tuple(KeptRefund(refund, since[refund.id]) for refund in given_back),
        disputes=tuple(disputed),
        changes=tuple(changes),
        noticed=tuple(await payment_stories.noticed(connection, subjects)),
        deeds=tuple(await _deeds(connection, [*(each.id for each in disputed), *(event.id for event in events)])),
    )


async def _deeds(connection: Connection, subjects: list[str]) -> list[Deed]:
    lines = await audit.of_subjects(connection, subjects)
    return [Deed(line.created_at, line.actor, line.action, line.subject) for line in lines]


def _charged(payment: Payment) -> Iterator[str]:
    if payment.charge_id is not None:
        yield payment.charge_id


def _returned(given_back: list[Refund], disputed: list[Dispute]) -> Iterator[str]:
    for refund in given_back:
        if refund.stripe_id is not None:
            yield refund.stripe_id
    for dispute in disputed:
        yield dispute.stripe_dispute_id


def _paid_by(payment: Payment) -> Iterator[str]:
    for stripe_id in (payment.session_id, payment.intent_id):
        if stripe_id is not None:
            yield stripe_id


def _transfers(payment: Payment, given_back: list[Refund], disputed: list[Dispute]) -> Iterator[UUID]:
    named = [payment.transfer_id]
    for refund in given_back:
        named += [refund.transfer_id, refund.return_transfer_id]
    for dispute in disputed:
        named += [dispute.taken_by, dispute.restored_by]
    return (each for each in named if each is not None)


def _at_noting(booked: list[Booked], transactions: list[NotedTransaction]) -> Iterator[Booked]:
    """Stripe's transactions are booked at Stripe's time; here they are told when they were heard of."""
    noted = {transaction.id: transaction.noted_at for transaction in transactions}
    for each in booked:
        is_stripes = each.posting.kind is MoneyKind.STRIPE
        yield replace(each, at=noted[each.posting.reference]) if is_stripes else each
