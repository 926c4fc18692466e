"""An account's payments: read, and left."""

from dataclasses import replace

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import end_session
from services.billing.domain.checkout_session import SessionState
from services.billing.domain.payment import (
    CANCELABLE,
    PAID,
    PREFIX,
    SALE,
    AlreadyPaid,
    NotCancelable,
    Payment,
    Status,
    may_become,
)
from services.billing.domain.payment_step import CauseKind
from services.billing.service import Billing
from services.billing.store import payments
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.payment_steps import step
from services.billing.use_cases.sales import leave_sale
from services.billing.use_cases.settlement import settle_session
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.ids import decode


async def find_payment(billing: Billing, account_id: str, payment_id: str) -> Payment:
    """The account's payment. Raises NotFound."""
    payment = None
    if decode(PREFIX, payment_id) is not None:
        async with billing.database.transaction() as connection:
            payment = await payments.of_account(connection, account_id, payment_id)
    if payment is None:
        raise NotFound("payment")
    return payment


async def list_payments(billing: Billing, account_id: str, *, after: str | None, limit: int) -> list[Payment]:
    """Up to `limit` payments, newest first, after the payment `after`. Raises `invalid_cursor`."""
    async with billing.database.transaction() as connection:
        if after is not None and await payments.of_account(connection, account_id, after) is None:
            raise DomainError("invalid_cursor", "`after` is no payment of this account's.")
        return await payments.page(connection, account_id, after=after, limit=limit)


async def cancel_payment(billing: Billing, account_id: str, payment_id: str) -> Payment:
    """End a payment that was left, and free what it reserved. Doing it again changes nothing.

    Stripe's page is ended first, since only Stripe knows whether it was paid in this very moment; a paid one is
    credited and refused here. Raises NotFound, AlreadyPaid, NotCancelable, `service_unavailable`.
    """
    payment = await find_payment(billing, account_id, payment_id)
    if payment.status is Status.CANCELED:
        return payment
    if payment.type == SALE:
        payment = await _leave_sale(billing, payment)
    elif payment.status in CANCELABLE:
        session = await _ended_session(billing, payment)
        async with billing.database.transaction() as connection:
            with caused_by(CauseKind.CUSTOMER):
                payment = await _cancel(billing, connection, payment, session)
    if payment.status in PAID:
        raise AlreadyPaid
    if payment.status is not Status.CANCELED:
        raise NotCancelable(payment.status)
    return payment


async def _leave_sale(billing: Billing, payment: Payment) -> Payment:
    try:
        with caused_by(CauseKind.CUSTOMER):
            return await leave_sale(billing, payment)
    except (StripeUnavailable, StripeRefused) as error:
        raise _not_canceled() from error


async def _ended_session(billing: Billing, payment: Payment) -> SessionState | None:
    if payment.session_id is None:
        return None
    try:
        return await end_session(billing.stripe, payment.session_id)
    except (StripeUnavailable, StripeRefused) as error:
        raise _not_canceled() from error


def _not_canceled() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The payment provider does not answer, so the payment was not canceled; try again shortly.",
        headers={"Retry-After": "5"},
    )


async def _cancel(billing: Billing, connection: Connection, payment: Payment, session: SessionState | None) -> Payment:
    """The payment as it then is: canceled, or what Stripe made of it meanwhile."""
    current = await payments.locked(connection, payment.id)
    assert current is not None
    if session is not None and session.status != "expired":
        await settle_session(billing, connection, session)
        current = await payments.locked(connection, payment.id)
        assert current is not None
    elif current.session_id == payment.session_id and may_become(current.status, Status.CANCELED):
        current = replace(current, status=Status.CANCELED)
        await step(billing, connection, current)
    return current
