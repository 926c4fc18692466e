"""What the account is told of its subscription by mail, each once.

A notice's `key` names the one thing that it tells of, so that whoever works it out again makes the same notice. What is
told of the present alone (an upcoming renewal, a trial that ends) is worked out from the time. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.billing.domain.subscriptions.standing import SubscriptionRules
from services.billing.domain.subscriptions.subscription import (
    FINAL,
    InvoiceState,
    Reason,
    Standing,
    Status,
    Subscription,
    SubscriptionState,
)


class NoticeKind(StrEnum):
    """The mail's template."""

    RENEWED = "subscription_renewed"
    RENEWAL_UPCOMING = "renewal_upcoming"
    PAYMENT_FAILED = "payment_failed"
    SUSPENDED = "subscription_suspended"
    RESTORED = "subscription_restored"
    GOES_ON = "subscription_goes_on"
    CANCELED = "subscription_canceled"
    TRIAL_ENDING = "trial_ending"


@dataclass(frozen=True, slots=True)
class Notice:
    """`failure` is which failure in a row it tells of, `invoice` the invoice that was paid or failed, `at` when the
    renewal is, or the end."""

    kind: NoticeKind
    key: str
    failure: int | None = None
    invoice: InvoiceState | None = None
    at: datetime | None = None


def notices_of_change(before: Subscription, after: Subscription, state: SubscriptionState) -> Iterator[Notice]:
    """What a change is told by; nothing of a subscription that never began."""
    if after.standing is Standing.VOID:
        return
    invoices = {invoice.id: invoice for invoice in state.invoices}
    failing = invoices.get(after.failing_invoice_id or "")
    yield from _failures(before, after, invoices)
    if before.standing is not Standing.SUSPENDED and after.standing is Standing.SUSPENDED:
        yield Notice(NoticeKind.SUSPENDED, f"suspended:{after.version}", invoice=failing, at=after.suspended_at)
    if before.standing is Standing.SUSPENDED and after.standing is Standing.GOOD:
        yield Notice(NoticeKind.RESTORED, f"restored:{after.version}", at=after.expires_at)
    yield from _renewal(before, after, state)
    yield from notices_of_end(before, after)
    if before.cancel_at_period_end and not after.cancel_at_period_end and after.standing is Standing.GOOD:
        yield Notice(NoticeKind.GOES_ON, f"goes_on:{after.version}", at=after.expires_at)


def notices_of_end(before: Subscription, after: Subscription) -> Iterator[Notice]:
    """That it has ended, or will with its period. Of one that was to end so it is told again only where its license was
    taken before that."""
    if after.standing is Standing.REVOKED and before.standing is not Standing.REVOKED:
        if not before.cancel_at_period_end or after.reason is Reason.LICENSE_REVOKED:
            yield Notice(NoticeKind.CANCELED, f"canceled:{after.version}", at=after.canceled_at)
    elif after.cancel_at_period_end and not before.cancel_at_period_end:
        yield Notice(NoticeKind.CANCELED, f"canceled:{after.version}", at=after.expires_at)


def notices_of_time(known: Subscription, *, now: datetime, rules: SubscriptionRules) -> Iterator[Notice]:
    """What is to be told now though nothing has changed."""
    if known.standing is not Standing.GOOD or known.cancel_at_period_end or known.paused_at is not None:
        return
    ends_at = known.expires_at
    if known.status is Status.TRIALING and ends_at is not None and ends_at - rules.trial_notice <= now < ends_at:
        yield Notice(NoticeKind.TRIAL_ENDING, f"trial_ending:{ends_at:%Y-%m-%dT%H:%M:%SZ}", at=ends_at)
    if known.status is Status.ACTIVE and ends_at is not None and ends_at - rules.renewal_notice <= now < ends_at:
        yield Notice(NoticeKind.RENEWAL_UPCOMING, f"upcoming:{ends_at:%Y-%m-%dT%H:%M:%SZ}", at=ends_at)


def next_look(known: Subscription, *, now: datetime, rules: SubscriptionRules) -> datetime | None:
    """When it is to be looked at again though nothing is heard; None once it has ended for good."""
    if known.standing in FINAL:
        return None
    looks = [now + rules.check_every]
    if known.expires_at is not None:
        ends_at = known.expires_at
        looks += [ends_at - rules.renewal_notice, ends_at - rules.trial_notice, ends_at, ends_at + rules.grace]
    return min(look for look in looks if look > now)


def _failures(before: Subscription, after: Subscription, invoices: dict[str, InvoiceState]) -> Iterator[Notice]:
    """None before it began: whoever is refused at the checkout sees it there. None of an invoice that was drawn up
    while it was suspended for want of payment already: that has been told."""
    if after.failing_invoice_id is None or after.standing in {*FINAL, Standing.PENDING}:
        return
    if _was_late_before(before, invoices.get(after.failing_invoice_id)):
        return
    same = before.failing_invoice_id == after.failing_invoice_id
    for failure in range((before.payment_failures if same else 0) + 1, after.payment_failures + 1):
        yield Notice(
            NoticeKind.PAYMENT_FAILED,
            f"payment_failed:{after.failing_invoice_id}:{failure}",
            failure=failure,
            invoice=invoices.get(after.failing_invoice_id),
        )


def _renewal(before: Subscription, after: Subscription, state: SubscriptionState) -> Iterator[Notice]:
    """A receipt, where a paid invoice has moved the end of what had begun before. While it is suspended nothing is
    renewed by that, and its restoring is told by itself."""
    if before.expires_at is None or after.standing in FINAL:
        return
    if Standing.SUSPENDED in {before.standing, after.standing}:
        return
    for invoice in state.invoices:
        if invoice.sells_period and invoice.period_end_at is not None and invoice.period_end_at > before.expires_at:
            yield Notice(NoticeKind.RENEWED, f"renewed:{invoice.id}", invoice=invoice, at=invoice.period_end_at)


def _was_late_before(before: Subscription, failing: InvoiceState | None) -> bool:
    late = before.reason in {Reason.PAYMENT_FAILED, Reason.GRACE_OVER}
    if failing is None or not late or before.suspended_at is None:
        return False
    return failing.created_at > before.suspended_at
