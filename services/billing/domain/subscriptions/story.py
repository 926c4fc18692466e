"""A subscription's story in words: its steps with their causes, and its invoices. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.billing.domain.payment_step import Cause, CauseKind
from services.billing.domain.payment_story.amounts import money_text
from services.billing.domain.subscriptions.subscription import Reason, Standing, Status
from shared.money import Money

LineKind = Literal["step", "invoice"]


@dataclass(frozen=True, slots=True)
class SubscriptionStep:
    """`from_status` is None for the first."""

    at: datetime
    from_status: Status | None
    to_status: Status
    standing: Standing
    reason: Reason | None
    cause: Cause


@dataclass(frozen=True, slots=True)
class ToldInvoice:
    """An invoice as it is by now; `payment_id` is the payment that its money was booked as."""

    id: str
    status: str
    billing_reason: str
    total: Money
    attempts: int
    period_start_at: datetime | None
    period_end_at: datetime | None
    payment_id: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SubscriptionLine:
    """What happened when, and what it is about, by our ids and Stripe's."""

    at: datetime
    kind: LineKind
    text: str
    references: dict[str, str] = field(default_factory=dict)

    def as_view(self) -> dict[str, object]:
        return {"at": self.at, "kind": self.kind, "text": self.text, **self.references}


_STANDINGS = {
    Standing.PENDING: "its license waits for a payment",
    Standing.GOOD: "its license is good",
    Standing.SUSPENDED: "its license is suspended",
    Standing.REVOKED: "its license is revoked for good",
    Standing.VOID: "it never had a license that was good",
}
_REASONS = {
    Reason.PAYMENT_FAILED: "a payment failed too often",
    Reason.GRACE_OVER: "a payment failed, and the grace is over",
    Reason.DISPUTE: "a payment is disputed",
    Reason.PAUSED: "it is paused, and what was paid is used up",
    Reason.CANCELED: "it was canceled",
    Reason.REFUNDED: "the running period's money went back",
    Reason.DISPUTE_LOST: "a dispute of its payment was lost",
    Reason.LICENSE_REVOKED: "its license was revoked",
    Reason.NEVER_PAID: "nothing was paid",
}
_CAUSES = {
    CauseKind.CHECKOUT: "the customer asked for it",
    CauseKind.CUSTOMER: "by the customer's request",
    CauseKind.EVENT: "by an event of Stripe's",
    CauseKind.OPERATOR: "by an operator",
    CauseKind.RECONCILIATION: "by a comparison with Stripe",
    CauseKind.LICENSE: "by an operator, who revoked its license",
}
_STATUSES = {
    "draft": "is a draft",
    "open": "is to be paid",
    "paid": "is paid",
    "void": "is void",
    "uncollectible": "was given up",
}


def story_of(steps: Iterable[SubscriptionStep], invoices: Iterable[ToldInvoice]) -> list[SubscriptionLine]:
    """Every line, in the order of time. Stripe tells whole seconds: within one, the beginning comes first, and an
    invoice before the step that it led to."""
    told = [(0 if step.from_status is None else 2, _of_step(step)) for step in steps]
    told += [(1, _of_invoice(invoice)) for invoice in invoices]
    told.sort(key=lambda each: (each[1].at.replace(microsecond=0), each[0], each[1].at))
    return [line for _, line in told]


def _of_step(step: SubscriptionStep) -> SubscriptionLine:
    became = f"It became {step.to_status}" if step.from_status is not step.to_status else f"It stayed {step.to_status}"
    why = "" if step.reason is None else f", since {_REASONS[step.reason]}"
    cause = _CAUSES.get(step.cause.kind, f"by {step.cause.kind.replace('_', ' ')}")
    references = {} if step.cause.reference is None else {_named(step.cause.kind): step.cause.reference}
    return SubscriptionLine(step.at, "step", f"{became}: {_STANDINGS[step.standing]}{why} ({cause}).", references)


def _named(cause: CauseKind) -> str:
    return "event_id" if cause is CauseKind.EVENT else f"{cause}_id"


def _of_invoice(invoice: ToldInvoice) -> SubscriptionLine:
    said = "".join(_parts_of(invoice))
    references = {"stripe_invoice_id": invoice.id}
    if invoice.payment_id is not None:
        references["payment_id"] = invoice.payment_id
    return SubscriptionLine(invoice.created_at, "invoice", said, references)


def _parts_of(invoice: ToldInvoice) -> Iterator[str]:
    yield f"An invoice ({invoice.billing_reason.replace('_', ' ')}) of {money_text(invoice.total)}"
    if invoice.period_start_at is not None and invoice.period_end_at is not None:
        yield f" for {invoice.period_start_at:%Y-%m-%d} to {invoice.period_end_at:%Y-%m-%d}"
    else:
        yield " for no period of its own"
    yield f" {_STATUSES.get(invoice.status, f'is {invoice.status}')}"
    if invoice.attempts > 1 or (invoice.attempts and invoice.status != "paid"):
        yield f" after {invoice.attempts} attempt{'s' if invoice.attempts > 1 else ''}"
    yield "."
