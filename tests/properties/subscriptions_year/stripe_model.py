"""A small Stripe: one subscription that renews, fails, is tried again, canceled, refunded and disputed. Pure.

A renewal is drawn up at the period's end and charged an hour later; what failed is tried again one, three and five days
after that, and then given up in one of three ways.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import datetime, timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RETRIES = (DAY, 3 * DAY, 5 * DAY)


@dataclass
class Invoice:
    id: str
    created_at: datetime
    start_at: datetime
    end_at: datetime
    total_minor: int
    status: str = "draft"
    attempts: int = 0
    paid_at: datetime | None = None


@dataclass
class StripeSubscription:
    """`gives_up` is what becomes of it after the last retry: canceled, unpaid or past_due."""

    id: str
    began_at: datetime
    months: int
    price_minor: int
    gives_up: str
    trial_ends_at: datetime | None = None
    status: str = "active"
    period_start_at: datetime = field(init=False)
    period_end_at: datetime = field(init=False)
    anchor_at: datetime = field(init=False)
    periods: int = 0
    invoices: list[Invoice] = field(default_factory=list)
    card_pays: bool = True
    cancel_at_period_end: bool = False
    ended_at: datetime | None = None
    dispute: str | None = None
    refunded: set[str] = field(default_factory=set)
    retries: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.period_start_at = self.began_at
        self.anchor_at = self.trial_ends_at or self.began_at
        if self.trial_ends_at is not None:
            self.status, self.period_end_at = "trialing", self.trial_ends_at
            self._draw_up(self.began_at, self.trial_ends_at, total_minor=0)
        else:
            self.period_end_at, self.periods = months_after(self.began_at, self.months), 1
            self._draw_up(self.began_at, self.period_end_at, total_minor=self.price_minor)
        first = self.invoices[0]
        first.status, first.paid_at = "paid", self.began_at
        first.attempts = int(first.total_minor > 0)

    def next_at(self) -> datetime | None:
        """When something happens by itself."""
        if self.ended_at is not None:
            return None
        return min([self.period_end_at, *self.retries.values()])

    def go_on(self, now: datetime) -> None:
        """Do what is due."""
        if self.period_end_at <= now and self.ended_at is None:
            self._renew(now)
        for invoice in self.invoices:
            due_at = self.retries.get(invoice.id)
            if due_at is not None and due_at <= now and self.ended_at is None:
                self._charge(invoice, now)

    def cancel(self, now: datetime) -> None:
        if self.ended_at is None:
            self.status, self.ended_at = "canceled", now
            self.retries.clear()

    def put_good_card(self, now: datetime) -> None:
        """The customer pays what is open, by hand: Stripe does not count that as an attempt of its own."""
        self.card_pays = True
        for invoice in self.invoices:
            if invoice.status == "open" and self.ended_at is None:
                self._paid(invoice, now)

    def running(self) -> Invoice | None:
        """The newest that was paid and sells a period."""
        sold = [invoice for invoice in self.invoices if invoice.status == "paid" and invoice.total_minor > 0]
        return sold[-1] if sold else None

    def _renew(self, now: datetime) -> None:
        if self.cancel_at_period_end:
            self.cancel(self.period_end_at)
            return
        self.period_start_at = self.period_end_at
        self.periods += 1
        self.period_end_at = months_after(self.anchor_at, self.months * self.periods)
        invoice = self._draw_up(self.period_start_at, self.period_end_at, total_minor=self.price_minor)
        if self.status == "trialing":
            self.status = "active"
        if self.status != "unpaid":
            self.retries[invoice.id] = self.period_start_at + HOUR

    def _draw_up(self, start_at: datetime, end_at: datetime, *, total_minor: int) -> Invoice:
        invoice = Invoice(f"in_{self.id}_{len(self.invoices)}", start_at, start_at, end_at, total_minor)
        self.invoices.append(invoice)
        return invoice

    def _charge(self, invoice: Invoice, now: datetime) -> None:
        final_at = invoice.created_at + HOUR
        invoice.status, invoice.attempts = "open", invoice.attempts + 1
        del self.retries[invoice.id]
        if self.card_pays:
            self._paid(invoice, now)
        elif invoice.attempts <= len(RETRIES):
            self.status = "past_due"
            self.retries[invoice.id] = final_at + RETRIES[invoice.attempts - 1]
        elif self.gives_up == "canceled":
            self.cancel(now)
        else:
            self.status = self.gives_up

    def _paid(self, invoice: Invoice, now: datetime) -> None:
        invoice.status, invoice.paid_at = "paid", now
        self.retries.pop(invoice.id, None)
        if not any(each.status == "open" for each in self.invoices):
            self.status = "active"


def months_after(instant: datetime, months: int) -> datetime:
    """By the anchor's day: from 31 January to 28 February to 31 March."""
    years, month = divmod(instant.month - 1 + months, 12)
    year, month = instant.year + years, month + 1
    return instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))
