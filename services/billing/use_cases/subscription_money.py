"""The money of subscriptions. Each paid invoice is a payment like any other (`type` subscription), so that refunds,
disputes, reconciliation and the story of a payment work as they do; it adds no credits. What it brought is owed to the
customer as a period, and earned day by day.
"""

from services.billing.domain.books.postings import payment_received, subscription_earned
from services.billing.domain.payment import PREFIX, SUBSCRIPTION, Payment, PaymentId, Status
from services.billing.domain.pricing import USD_RATE_MICROS, usd_minor_of
from services.billing.domain.subscriptions.revenue import earned_minor, next_day
from services.billing.domain.subscriptions.subscription import Returned, Subscription
from services.billing.service import Billing
from services.billing.store import payments, subscription_payments
from services.billing.store.subscription_payments import Earning, PaidInvoice
from services.billing.use_cases.bookkeeping import book
from services.billing.use_cases.news import tell
from services.billing.use_cases.payment_steps import begin_paid
from shared.db import Connection
from shared.ids import new_id
from shared.telemetry import logger_of

logger = logger_of("subscriptions")

EARN_EVERY_SECONDS = 30.0
_PAGE = 50


async def book_paid_invoices(billing: Billing, connection: Connection, subscription: Subscription) -> None:
    """Make a payment of each paid invoice that is none yet. The subscription's row must be locked, and its invoices
    kept. Doing it again does nothing."""
    for invoice in await subscription_payments.not_booked(connection, subscription.id):
        await _book(billing, connection, subscription, invoice)


async def returned_of(connection: Connection, subscription: Subscription) -> Returned:
    """What has gone back of the subscription's payments."""
    return await subscription_payments.returned(connection, subscription.id)


async def look_at_subscription(billing: Billing, connection: Connection, payment: Payment) -> None:
    """Some of a payment went back, or came back: its subscription, if it is of one, is judged anew."""
    if payment.type == SUBSCRIPTION:
        await subscription_payments.look_again(connection, payment.id, at=billing.clock.now())


async def earn(billing: Billing) -> bool:
    """Book what has been earned since; whether there may be more to do."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        due = await subscription_payments.lock_earnings(connection, now=now, limit=_PAGE)
        for earning in due:
            await _earn(billing, connection, earning)
    return len(due) == _PAGE


async def _book(billing: Billing, connection: Connection, subscription: Subscription, invoice: PaidInvoice) -> None:
    now = billing.clock.now()
    payment = Payment(
        id=PaymentId(new_id(PREFIX, at=now)),
        account_id=subscription.account_id,
        type=SUBSCRIPTION,
        status=Status.SUCCEEDED,
        amount=invoice.paid,
        usd_minor=usd_minor_of(invoice.paid, billing.settings.rates),
        millicredits=0,
        success_url="",
        cancel_url="",
        created_at=now,
        expires_at=now,
        rate_micros=_rate(billing, invoice.paid.currency),
        intent_id=invoice.intent_id,
        succeeded_at=now,
        origin="subscription",
    )
    await begin_paid(connection, payment)
    await subscription_payments.name_payment(connection, invoice.id, payment.id, at=now)
    await book(connection, payment_received(payment), at=now)
    await tell(billing, connection, payment)
    logger.info("subscription_paid", payment_id=payment.id, subscription_id=subscription.id, invoice=invoice.id)


def _rate(billing: Billing, currency: str) -> int:
    return billing.settings.rates.get(currency, USD_RATE_MICROS)


async def _earn(billing: Billing, connection: Connection, earning: Earning) -> None:
    now = billing.clock.now()
    start_at = earning.period_start_at or now
    end_at = earning.period_end_at or start_at
    earned = earned_minor(earning.kept_minor, start_at, end_at, now=now)
    more, times = earned - earning.earned_minor, earning.earned_times
    if more:
        payment, times = await payments.find(connection, earning.payment_id), times + 1
        assert payment is not None
        await book(connection, subscription_earned(payment, earned_minor=more, times=times), at=now)
    earn_at = next_day(start_at, end_at, now=now)
    await subscription_payments.save_earning(connection, earning, earned_minor=earned, times=times, earn_at=earn_at)
