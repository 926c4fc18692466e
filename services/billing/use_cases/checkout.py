"""Buying credits: reserve under S14's limit, ask fraud, make the payment page.

Three steps, none of which holds a transaction over a call to another system:
1. under the wallet's lock: the limit, and the pending payment, which is the reservation;
2. fraud's assessment, saved with what it decides;
3. Stripe's page, saved with the caller's answer.
Whatever fails after 1 frees the reservation; should the process die, the expiry loop does.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import NewCheckout, create_checkout, end_session
from services.billing.domain.checkout_addresses import SESSION_PLACEHOLDER
from services.billing.domain.checkout_session import SessionState
from services.billing.domain.credit_limit import WINDOW, CreditLimit
from services.billing.domain.payment import (
    PREFIX,
    CheckoutEnded,
    Payment,
    PaymentBlocked,
    PaymentId,
    Status,
    may_become,
)
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.pricing import Price, price_of
from services.billing.service import Billing
from services.billing.store import payments
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.judging import Buyer, Facts, assess
from services.billing.use_cases.news import tell
from services.billing.use_cases.paying_devices import device_of
from services.billing.use_cases.payment_steps import begin, save, step
from services.billing.use_cases.post_credit import lock_wallet
from services.billing.use_cases.return_addresses import return_address
from services.billing.use_cases.review_mails import mail_approved
from services.billing.use_cases.saved_cards import customer_of
from shared.db import Connection
from shared.errors import DomainError, Invalid
from shared.ids import new_id
from shared.money import MILLICREDITS_PER_CREDIT
from shared.telemetry import logger_of

logger = logger_of("stripe")

STRIPE_MARGIN = timedelta(minutes=2)
"""Stripe keeps a page at least 30 minutes from when it hears of it, so its end lies a little after ours."""

PAID_PATH = f"credits/paid?session_id={SESSION_PLACEHOLDER}"
LEFT_PATH = "credits/buy"
"""The platform's own pages after payment, and after leaving it."""

T = TypeVar("T")
Finish = Callable[[Connection, Payment], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction of the checkout's last step."""


@dataclass(frozen=True, slots=True)
class CheckoutOrder:
    """What is asked for. Addresses left out lead to the platform's own pages."""

    credits: int
    currency: str = "usd"
    success_url: str | None = None
    cancel_url: str | None = None
    device_id: str | None = None
    saves_card: bool = False


async def check_out(billing: Billing, buyer: Buyer, order: CheckoutOrder, finish: Finish[T]) -> T:
    """A payment with its page, or one in review. Raises Invalid, CreditLimitExceeded, PaymentBlocked,
    `service_unavailable` (Stripe is away), CheckoutEnded."""
    wanted = _wanted(billing, buyer, order)
    if order.device_id is not None:
        await device_of(billing, buyer.account_id, order.device_id)
    with caused_by(CauseKind.CHECKOUT):
        payment = await _reserve(billing, buyer, wanted)
        try:
            return await _go_on(billing, buyer, payment, finish, device_id=order.device_id)
        except PaymentBlocked:
            raise
        except BaseException:
            await _free(billing, payment)
            raise


async def _go_on(billing: Billing, buyer: Buyer, payment: Payment, finish: Finish[T], *, device_id: str | None) -> T:
    assessed = await assess(billing, buyer, payment, Facts("checkout", device_id=device_id))
    if assessed.status is Status.PENDING:
        customer_id = await customer_of(billing, assessed.account_id) if assessed.saves_card else None
        session = await _make_page(billing, assessed, customer_id)
        return await _open(billing, assessed, session, finish)
    return await _stop(billing, assessed, finish)


def _wanted(billing: Billing, buyer: Buyer, order: CheckoutOrder) -> Payment:
    """The payment that the order would be, its rules checked."""
    settings, now = billing.settings, billing.clock.now()
    if not settings.checkout_min_credits <= order.credits <= settings.checkout_max_credits:
        raise Invalid("/credits", f"must be from {settings.checkout_min_credits} to {settings.checkout_max_credits}")
    price: Price = price_of(order.credits, order.currency, settings.rates)
    return Payment(
        id=PaymentId(new_id(PREFIX, at=now)),
        account_id=buyer.account_id,
        type="credits",
        status=Status.PENDING,
        amount=price.money,
        usd_minor=price.usd_minor,
        millicredits=price.millicredits,
        rate_micros=price.rate_micros,
        success_url=return_address(billing, order.success_url, "/success_url", PAID_PATH),
        cancel_url=return_address(billing, order.cancel_url, "/cancel_url", LEFT_PATH),
        created_at=now,
        expires_at=now + timedelta(minutes=settings.checkout_minutes),
        saves_card=order.saves_card,
    )


async def _reserve(billing: Billing, buyer: Buyer, payment: Payment) -> Payment:
    """Insert the payment where the limit has room, with the wallet locked so that two can't share the room."""
    limit_minor = billing.settings.credit_limit_minor(buyer.tier, buyer.credit_limit_minor)
    async with billing.database.transaction() as connection:
        await lock_wallet(connection, buyer.account_id, at=billing.clock.now())
        since = billing.clock.now() - WINDOW
        used_minor = await payments.used_minor(connection, buyer.account_id, since=since)
        limit = CreditLimit(limit_minor, used_minor)
        limit.require(payment.usd_minor)
        await begin(connection, payment, limit)
    return payment


def page_of(payment: Payment, *, customer_id: str | None, saves_card: bool, is_late: bool = False) -> NewCheckout:
    """The page on which a payment is paid."""
    return NewCheckout(
        payment_id=payment.id,
        account_id=payment.account_id,
        credits=payment.millicredits // MILLICREDITS_PER_CREDIT,
        price=payment.amount,
        success_url=payment.success_url,
        cancel_url=payment.cancel_url,
        expires_at=payment.expires_at + STRIPE_MARGIN,
        customer_id=customer_id,
        saves_card=saves_card,
        is_late=is_late,
    )


async def _make_page(billing: Billing, payment: Payment, customer_id: str | None) -> SessionState:
    """Stripe's page, once for each payment however often it is asked. With a customer it keeps the card that pays."""
    try:
        wanted = page_of(payment, customer_id=customer_id, saves_card=customer_id is not None)
        session = await create_checkout(billing.stripe, wanted)
    except (StripeUnavailable, StripeRefused) as error:
        logger.warning("checkout_without_stripe", payment_id=payment.id, error=str(error))
        raise _stripe_is_away() from error
    if session.url is None:
        raise _stripe_is_away()
    return session


async def release_checkout(billing: Billing, payment: Payment, *, until: datetime) -> bool:
    """Make the page of a checkout that was held, to be paid until then, and mail its customer where it is. The same
    `until` again makes no second page. False where the payment is not held any more. Raises StripeUnavailable,
    StripeRefused."""
    waiting = replace(payment, expires_at=until)
    customer_id = await customer_of(billing, payment.account_id) if payment.saves_card else None
    saves_card = customer_id is not None
    page = page_of(waiting, customer_id=customer_id, saves_card=saves_card, is_late=True)
    session = await create_checkout(billing.stripe, page)
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if current.status is Status.IN_REVIEW:
            opened = replace(
                current, status=Status.PENDING, expires_at=until, session_id=session.id, checkout_url=session.url
            )
            await step(billing, connection, opened)
            await mail_approved(connection, opened, at=billing.clock.now())
            return True
    if current.session_id != session.id:
        await end_session(billing.stripe, session.id)
    return False


async def _open(billing: Billing, payment: Payment, session: SessionState, finish: Finish[T]) -> T:
    """Save the page with the payment, and the caller's answer with both."""
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if current.status is Status.PENDING:
            opened = replace(payment, session_id=session.id, checkout_url=session.url)
            await save(billing, connection, opened)
            await tell(billing, connection, opened)
            return await finish(connection, opened)
    with suppress(StripeUnavailable, StripeRefused):
        await end_session(billing.stripe, session.id)
    raise CheckoutEnded(current.status)


async def _stop(billing: Billing, payment: Payment, finish: Finish[T]) -> T:
    """Save a payment that goes no further now: it waits in review, or is blocked."""
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if may_become(current.status, payment.status):
            await save(billing, connection, payment)
            await tell(billing, connection, payment)
        if payment.status is Status.IN_REVIEW:
            return await finish(connection, payment)
    raise PaymentBlocked(payment.id)


async def _free(billing: Billing, payment: Payment) -> None:
    """Give the reservation back. Should that fail too, the expiry loop does it within minutes."""
    try:
        async with billing.database.transaction() as connection:
            current = await payments.locked(connection, payment.id)
            if current is not None and current.session_id is None and may_become(current.status, Status.FAILED):
                failed = replace(current, status=Status.FAILED)
                await save(billing, connection, failed)
                await tell(billing, connection, failed)
    except Exception as error:  # noqa: BLE001
        logger.warning("reservation_kept", payment_id=payment.id, error=type(error).__name__)


def _stripe_is_away() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The payment provider does not answer. Nothing was reserved; try again shortly.",
        headers={"Retry-After": "5"},
    )
