"""What a payment's story is made of, and a line of it. All instants are business time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from services.billing.domain.books.posting import MoneyPosting
from services.billing.domain.dispute import Dispute
from services.billing.domain.dispute_shares import ShareChange
from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.payment import Payment
from services.billing.domain.payment_step import PaymentStep
from services.billing.domain.reconciliation import Difference
from services.billing.domain.refund import Refund
from services.billing.domain.stripe_balance import NotedTransaction

LineKind = Literal[
    "checkout",
    "fraud",
    "page",
    "event",
    "status",
    "entry",
    "posting",
    "balance",
    "refund",
    "dispute",
    "flag",
    "reconciliation",
]


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """One of Stripe's events. `error` is why it was ignored, or why it failed last."""

    id: str
    stripe_event_id: str
    type: str
    api_version: str | None
    status: str
    attempts: int
    error: str | None
    received_at: datetime
    handled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Booked:
    """A posting of the money book, and when it was booked."""

    posting: MoneyPosting
    at: datetime


@dataclass(frozen=True, slots=True)
class KeptRefund:
    """A refund, and since when it has been what it is."""

    refund: Refund
    since: datetime


@dataclass(frozen=True, slots=True)
class Noticed:
    """What a reconciliation found about one of the payment's objects at Stripe."""

    report_id: str
    at: datetime
    difference: Difference


EVIDENCE_BEGUN, EVIDENCE_SUBMITTED = "dispute.evidence_begun", "dispute.evidence"
WEBHOOK_REPLAYED = "webhook.replayed"


@dataclass(frozen=True, slots=True)
class Deed:
    """What the audit trail keeps of somebody who did something by hand about one of the payment's disputes or
    events."""

    at: datetime
    actor: str
    action: str
    subject: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is kept of one payment. `postings` of transactions of Stripe's balance are told at the time that
    their transaction was noted."""

    payment: Payment
    steps: tuple[PaymentStep, ...] = ()
    events: tuple[HeardEvent, ...] = ()
    entries: tuple[Posted, ...] = ()
    postings: tuple[Booked, ...] = ()
    transactions: tuple[NotedTransaction, ...] = ()
    refunds: tuple[KeptRefund, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    changes: tuple[ShareChange, ...] = ()
    noticed: tuple[Noticed, ...] = ()
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class StoryLine:
    """`references` name what the text is about, by our ids and Stripe's. Of lines at one instant the lower `rank` comes
    first."""

    at: datetime
    kind: LineKind
    text: str
    references: Mapping[str, str] = field(default_factory=dict)
    rank: int = 5

    def as_view(self) -> dict[str, object]:
        """As the API says it."""
        return {"at": self.at, "kind": self.kind, "text": self.text, **self.references}

    def line(self) -> str:
        """For a terminal."""
        named = f"  [{', '.join(self.references.values())}]" if self.references else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S}  {self.kind:14}  {self.text}{named}"


def references(**named: str | None) -> dict[str, str]:
    """Those that there are."""
    return {name: value for name, value in named.items() if value is not None}
