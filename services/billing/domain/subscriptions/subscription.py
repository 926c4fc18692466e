"""A subscription, as Stripe has it (`SubscriptionState`) and as it is kept here. `standing` has the rules.

Amounts are in the currency's minor unit. Instants of Stripe's are business time; `asked_at` alone is real time.
Sources: docs.stripe.com/api/subscriptions/object, docs.stripe.com/api/invoices/object.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from services.billing.domain.subscriptions.plan import PlanId
from shared.money import Money

SubscriptionId = NewType("SubscriptionId", str)
PREFIX = "sub"
PAUSED_AT = "paused_at"
"""The label of Stripe's subscription that says that its pause of collection is ours, and since when (RFC 3339)."""


class Status(StrEnum):
    """As the public API says it."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    SUSPENDED = "suspended"
    PAUSED = "paused"
    CANCELED = "canceled"
    EXPIRED = "expired"


class Standing(StrEnum):
    """What it entitles to, apart from time: its license follows this."""

    PENDING = "pending"
    """Nothing was paid yet."""
    GOOD = "good"
    SUSPENDED = "suspended"
    """Undone by what its reason asks for; the license keeps its key and activations."""
    REVOKED = "revoked"
    """For good."""
    VOID = "void"
    """It never began."""


FINAL = frozenset({Standing.REVOKED, Standing.VOID})


class Reason(StrEnum):
    """Why a standing is not good."""

    PAYMENT_FAILED = "payment_failed"
    GRACE_OVER = "grace_over"
    DISPUTE = "dispute"
    PAUSED = "paused"
    CANCELED = "canceled"
    REFUNDED = "refunded"
    DISPUTE_LOST = "dispute_lost"
    LICENSE_REVOKED = "license_revoked"
    """By an operator, who ended the subscription with it."""
    NEVER_PAID = "never_paid"


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """One invoice of a subscription. `period_start_at` and `period_end_at` are those of the period that it sells, None
    where it sells none (a proration). `total_minor` is after discounts, which took `discount_minor` off, and before the
    customer's balance pays of it. `attempts` are Stripe's own, which tries by hand do not add to; `failed_card_id` is
    the card that was refused last, or whose bank waits for the customer, and `decline_code` why."""

    id: str
    status: str
    billing_reason: str
    currency: str
    total_minor: int
    paid_minor: int
    attempts: int
    created_at: datetime
    period_start_at: datetime | None
    period_end_at: datetime | None
    next_attempt_at: datetime | None = None
    intent_id: str | None = None
    charge_id: str | None = None
    page_url: str | None = None
    paid_at: datetime | None = None
    failed_card_id: str | None = None
    decline_code: str | None = None
    discount_minor: int = 0

    @property
    def sells_period(self) -> bool:
        """Whether its payment adds a period: it was paid, it is not free, and it is no proration. One under zero sells
        its period for what a dearer plan had left; one that a discount takes to nothing sells a period that was given,
        where a trial's, which costs nothing to begin with, sells none. By what it is paid, the customer's balance
        too, does not matter."""
        return self.status == "paid" and self.costs and self.period_end_at is not None

    @property
    def costs(self) -> bool:
        """Whether it is of something that has a price."""
        return self.total_minor != 0 or self.discount_minor > 0

    @property
    def is_failing(self) -> bool:
        """Whether it is due, was tried, and not paid."""
        return self.status == "open" and self.attempts > 0


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """A subscription as Stripe has it now, with its invoices, newest first. `status` is Stripe's. `asked_at` is when
    Stripe was asked: of two states the one that was asked for later counts. `card_id` is its own card, charged before
    the customer's default, `default_card_id`; `keeps_card` says whether a card that pays it becomes its own."""

    id: str
    customer_id: str
    status: str
    price_id: str | None
    item_id: str | None
    period_start_at: datetime | None
    period_end_at: datetime | None
    cancel_at_period_end: bool
    canceled_at: datetime | None
    ended_at: datetime | None
    trial_ends_at: datetime | None
    collection_paused: bool
    livemode: bool
    asked_at: datetime
    metadata: dict[str, str] = field(default_factory=dict)
    invoices: tuple[InvoiceState, ...] = ()
    card_id: str | None = None
    default_card_id: str | None = None
    keeps_card: bool = True

    @property
    def paused_at(self) -> datetime | None:
        """Since when our own pause holds: Stripe collects nothing, and our label says that we asked for it. What
        somebody else paused has no label, and a label without a pause says nothing."""
        if not self.collection_paused:
            return None
        try:
            at = datetime.fromisoformat(self.metadata.get(PAUSED_AT, ""))
        except ValueError:
            return None
        return at if at.tzinfo is not None else None


@dataclass(frozen=True, slots=True)
class Returned:
    """What went back of a subscription's payments: invoices that were refunded whole, whether one is disputed, whether
    such a dispute was lost."""

    refunded_invoices: frozenset[str] = frozenset()
    disputed: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of one account. `version` grows with each change that its license must follow. `price` is what
    its plan cost when it began or was changed. `paused_at` is our own pause, `suspended_at` since when the standing is
    suspended, `check_at` (business time) when it is to be looked at though nothing was heard."""

    id: SubscriptionId
    account_id: str
    plan_id: PlanId
    price: Money
    created_at: datetime
    status: Status = Status.INCOMPLETE
    standing: Standing = Standing.PENDING
    reason: Reason | None = None
    version: int = 1
    stripe_status: str | None = None
    stripe_subscription_id: str | None = None
    stripe_customer_id: str | None = None
    session_id: str | None = None
    checkout_url: str | None = None
    current_period_start_at: datetime | None = None
    current_period_end_at: datetime | None = None
    expires_at: datetime | None = None
    trial_ends_at: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    payment_failures: int = 0
    failing_invoice_id: str | None = None
    suspended_at: datetime | None = None
    paused_at: datetime | None = None
    asked_at: datetime | None = None
    check_at: datetime | None = None
