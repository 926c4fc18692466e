"""A payment's steps: saved with what caused them (`causes`), told to siblings, and taken by the automatic top-up that
it may belong to."""

from datetime import timedelta

from services.billing.domain.credit_limit import CreditLimit
from services.billing.domain.payment import Payment
from services.billing.domain.top_up import AUTO_TOP_UP, TopUpRules, after
from services.billing.service import Billing
from services.billing.store import payment_steps, payments, top_ups
from services.billing.use_cases.causes import present_cause
from services.billing.use_cases.news import tell
from services.billing.use_cases.top_up_mails import save_setting
from shared.db import Connection
from shared.money import MILLICREDITS_PER_CREDIT


async def step(billing: Billing, connection: Connection, payment: Payment) -> None:
    """Save what a payment has become, in the caller's transaction. The payment's row must be locked; a top-up's setting
    is locked here, so that each end of one counts once."""
    now = billing.clock.now()
    await save(billing, connection, payment)
    await tell(billing, connection, payment)
    if payment.origin == AUTO_TOP_UP:
        setting = await top_ups.locked(connection, payment.account_id)
        if setting is not None:
            become = after(setting, payment, rules_of(billing), now=now)
            await save_setting(connection, setting, become, at=now)


async def begin(connection: Connection, payment: Payment, limit: CreditLimit) -> None:
    """Insert a new payment with its first step and the limit that it fits in. Where it is pending it is a reservation:
    the wallet must be locked."""
    await payments.insert(connection, payment)
    await payment_steps.begin(connection, payment, present_cause(), limit)


async def begin_paid(connection: Connection, payment: Payment) -> None:
    """Insert a payment that was heard of once it was paid, with its first step. No limit counts it."""
    await payments.insert(connection, payment)
    await payment_steps.begin(connection, payment, present_cause(), None)


async def save(billing: Billing, connection: Connection, payment: Payment) -> None:
    """Save a payment whose row is locked; where its status or page changes, the step with its cause. Tells nobody."""
    now = billing.clock.now()
    await payment_steps.append(connection, payment, present_cause(), at=now)
    await payments.save(connection, payment, at=now)


def rules_of(billing: Billing) -> TopUpRules:
    """What the settings say of top-ups."""
    settings = billing.settings
    return TopUpRules(
        least=settings.checkout_min_credits * MILLICREDITS_PER_CREDIT,
        most=settings.checkout_max_credits * MILLICREDITS_PER_CREDIT,
        cooldown=timedelta(seconds=settings.top_up_cooldown_seconds),
        most_declines=settings.top_up_most_declines,
    )
