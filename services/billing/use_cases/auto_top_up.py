"""Automatic top-ups: what an account sets, and the loop that buys.

A top-up is a payment like any other: reserved under the wallet's lock and S14's limit, judged by fraud, paid under one
idempotency key at Stripe, settled by whoever hears of it. The payment's row, unique while it is in flight, keeps it the
only one; a bank that wants its customer gets him by a payment page, whose address the payment bears.

To look at an account is to put off the next look at it (`top_ups.take_due`), so that an account which can't be topped
up, or whose top-up goes wrong, is asked about seldom and keeps nobody waiting.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from services.billing.clients.gateway import AccountFacts
from services.billing.clients.stripe import StripeRefused
from services.billing.clients.stripe.checkouts import create_checkout, end_session
from services.billing.clients.stripe.intents import charge_card, give_up_intent, intent_of_payment
from services.billing.domain.credit_limit import WINDOW, CreditLimit, CreditLimitExceeded
from services.billing.domain.paying_intent import PayingIntent, needs_its_customer
from services.billing.domain.payment import PREFIX, Payment, PaymentId, Status, may_become
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.pricing import price_of
from services.billing.domain.saved_card import SavedCard, default_of
from services.billing.domain.top_up import (
    AUTO_TOP_UP,
    LIMIT_PAUSE,
    AutoTopUp,
    checked,
    fits_month,
    is_wanted,
    may_buy,
    month_of,
    next_month,
    waiting,
)
from services.billing.service import Billing
from services.billing.store import payments, saved_cards, top_ups
from services.billing.store.top_ups import Look
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.checkout import LEFT_PATH, PAID_PATH, page_of
from services.billing.use_cases.judging import Buyer, Facts, assess
from services.billing.use_cases.news import tell
from services.billing.use_cases.payment_steps import begin, rules_of, save, step
from services.billing.use_cases.post_credit import lock_wallet
from services.billing.use_cases.settlement import settle_intent
from services.billing.use_cases.top_up_mails import mail_link, save_setting
from shared.db import Connection
from shared.errors import DomainError
from shared.ids import new_id
from shared.money import MILLICREDITS_PER_CREDIT
from shared.telemetry import logger_of

logger = logger_of("stripe")

TOP_UPS_EVERY_SECONDS = 2.0
AT_ONCE = 8
LASTS = timedelta(hours=23)
"""How long a top-up may take to be paid. Stripe remembers an idempotency key for a day, and keeps a page as long."""

T = TypeVar("T")
Keep = Callable[[Connection, AutoTopUp, int], Awaitable[T]]
"""Makes and keeps the caller's answer, given the setting and what this month has bought."""


async def read_setting(billing: Billing, account_id: str) -> tuple[AutoTopUp | None, int]:
    """What the account has set, and the millicredits that this month's top-ups have bought."""
    async with billing.database.transaction() as connection:
        return await top_ups.of_account(connection, account_id), await _bought(billing, connection, account_id)


async def change_setting(billing: Billing, wanted: AutoTopUp, keep: Keep[T]) -> T:
    """Set it anew: what had stopped it is forgotten. Raises Invalid, and `no_payment_method` where it is switched on
    without a saved card."""
    fresh = replace(
        checked(wanted, rules_of(billing)),
        declines=0,
        stopped=None,
        waits_for=None,
        next_at=billing.clock.now(),
        looks=0,
    )
    async with billing.database.transaction() as connection:
        if fresh.enabled and not await saved_cards.cards_of(connection, fresh.account_id):
            raise DomainError("no_payment_method", "Save a card first: POST /api/v1/payment-methods.")
        await top_ups.save(connection, fresh, at=billing.clock.now())
        return await keep(connection, fresh, await _bought(billing, connection, fresh.account_id))


async def buy_due(billing: Billing) -> bool:
    """Look at a few accounts that run low, and top them up; whether there may be more. What goes wrong with one of them
    is logged, and the next is looked at."""
    taken = await top_ups.take_due(billing.database, now=billing.clock.now(), limit=AT_ONCE)
    for look in taken:
        try:
            with caused_by(CauseKind.TOP_UP):
                await _top_up(billing, look)
        except Exception as error:  # noqa: BLE001 - the others of this page have been taken, and are not looked at again soon
            logger.warning("top_up_waits", account_id=look.account_id, error=repr(error))
    return len(taken) == AT_ONCE


async def pursue(billing: Billing, payment: Payment) -> None:
    """Go on with a top-up whose charge is not known to have ended: find it, or ask again under the same key. Raises
    StripeUnavailable, StripeRefused."""
    assert payment.card_id is not None
    async with billing.database.transaction() as connection:
        customer_id = await saved_cards.customer_of(connection, payment.account_id)
    if customer_id is None:
        await _fail(billing, payment)
        return
    intent = await intent_of_payment(billing.stripe, payment, customer_id=customer_id)
    if intent is None and billing.clock.now() >= payment.expires_at:
        await _fail(billing, payment)
        return
    await _charge(billing, payment, customer_id, intent)


async def release_top_up(billing: Billing, payment: Payment) -> bool:
    """Charge a top-up that was held, once: False where it is not held any more, or ended here because nobody wants it
    any more. Raises SiblingUnavailable, StripeUnavailable."""
    account = await billing.gateway.account(payment.account_id)
    released = await _release(billing, payment.id, is_active=account is not None and account.status != "suspended")
    if released is None or released.status is not Status.PENDING:
        return False
    await pursue(billing, released)
    return True


async def _release(billing: Billing, payment_id: PaymentId, *, is_active: bool) -> Payment | None:
    """The payment, pending or, where the account may or wants to buy nothing by itself any more, canceled. None where
    it was not held. That it ends is no decline: its card was not asked."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        payment = await payments.locked(connection, payment_id)
        if payment is None or payment.status is not Status.IN_REVIEW:
            return None
        setting = await top_ups.locked(connection, payment.account_id)
        wallet = await lock_wallet(connection, payment.account_id, at=now)
        if is_active and setting is not None and is_wanted(setting, wallet):
            released = replace(payment, status=Status.PENDING, expires_at=now + LASTS)
        else:
            released = replace(payment, status=Status.CANCELED)
        await save(billing, connection, released)
        await tell(billing, connection, released)
        return released


async def _top_up(billing: Billing, look: Look) -> None:
    account = await billing.gateway.account(look.account_id)
    if account is None or account.status == "suspended":
        return
    begun = await _begin(billing, look, account)
    if begun is None:
        return
    payment, customer_id = begun
    judged = await assess(billing, _buyer(look.account_id, account), payment, Facts("auto_top_up"))
    await _keep_judgement(billing, judged)
    if judged.status is Status.PENDING:
        await _charge(billing, judged, customer_id, None)


async def _keep_judgement(billing: Billing, judged: Payment) -> None:
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, judged.id)
        if current is None:
            return
        if may_become(current.status, judged.status):
            await step(billing, connection, judged)
        elif current.status is Status.PENDING:
            await save(billing, connection, judged)


async def _begin(billing: Billing, look: Look, account: AccountFacts) -> tuple[Payment, str] | None:
    """The payment, inserted under the setting's and the wallet's locks, or None where nothing is to be bought now. All
    that was seen before the locks is judged again."""
    now, account_id = billing.clock.now(), look.account_id
    async with billing.database.transaction() as connection:
        setting = await top_ups.locked(connection, account_id)
        wallet = await lock_wallet(connection, account_id, at=now)
        is_busy = await top_ups.is_in_flight(connection, account_id)
        if setting is None or is_busy or not may_buy(setting, wallet, again_at=look.again_at):
            return None
        customer_id = await saved_cards.customer_of(connection, account_id)
        card = default_of(await saved_cards.cards_of(connection, account_id))
        if customer_id is None or card is None:
            await save_setting(connection, setting, replace(setting, stopped="no_card"), at=now)
            return None
        payment = _payment(billing, setting, card, now)
        limit = await _limit(billing, connection, account_id, account)
        without_room = await _without_room(billing, connection, setting, limit, payment)
        if without_room is not None:
            await top_ups.save(connection, without_room, at=now)
            return None
        await begin(connection, payment, limit)
        return payment, customer_id


async def _without_room(
    billing: Billing, connection: Connection, setting: AutoTopUp, limit: CreditLimit, payment: Payment
) -> AutoTopUp | None:
    """The setting with when to look again and why, where the month's cap or S14's limit has no room."""
    now = billing.clock.now()
    if not fits_month(setting, bought=await _bought(billing, connection, setting.account_id)):
        return waiting(setting, "monthly_cap", until=next_month(now))
    try:
        limit.require(payment.usd_minor)
    except CreditLimitExceeded:
        return waiting(setting, "limit", until=now + LIMIT_PAUSE)
    return None


async def _limit(billing: Billing, connection: Connection, account_id: str, account: AccountFacts) -> CreditLimit:
    limit_minor = billing.settings.credit_limit_minor(account.tier, account.credit_limit_minor)
    since = billing.clock.now() - WINDOW
    return CreditLimit(limit_minor, await payments.used_minor(connection, account_id, since=since))


def _payment(billing: Billing, setting: AutoTopUp, card: SavedCard, now: datetime) -> Payment:
    price = price_of(setting.amount // MILLICREDITS_PER_CREDIT, "usd", billing.settings.rates)
    return Payment(
        id=PaymentId(new_id(PREFIX, at=now)),
        account_id=setting.account_id,
        type="credits",
        status=Status.PENDING,
        amount=price.money,
        usd_minor=price.usd_minor,
        millicredits=price.millicredits,
        rate_micros=price.rate_micros,
        success_url=f"{billing.settings.public_url}/{PAID_PATH}",
        cancel_url=f"{billing.settings.public_url}/{LEFT_PATH}",
        created_at=now,
        expires_at=now + LASTS,
        origin=AUTO_TOP_UP,
        card_id=card.id,
    )


async def _charge(billing: Billing, payment: Payment, customer_id: str, intent: PayingIntent | None) -> None:
    try:
        intent = intent or await charge_card(billing.stripe, payment, customer_id=customer_id)
    except StripeRefused as refusal:
        logger.warning("top_up_refused", payment_id=payment.id, code=refusal.code)
        await _fail(billing, payment)
        return
    if needs_its_customer(intent):
        await _ask_customer(billing, payment, customer_id, intent)
        return
    async with billing.database.transaction() as connection:
        await settle_intent(billing, connection, intent)


async def _ask_customer(billing: Billing, payment: Payment, customer_id: str, intent: PayingIntent) -> None:
    """Send the customer to a page for the same payment, and mail where it is. The intent is given up first: only one of
    the two can be paid."""
    await give_up_intent(billing.stripe, intent.id)
    session = await create_checkout(billing.stripe, page_of(payment, customer_id=customer_id, saves_card=False))
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if may_become(current.status, Status.REQUIRES_ACTION):
            sent = replace(
                current, status=Status.REQUIRES_ACTION, session_id=session.id, checkout_url=session.url, intent_id=None
            )
            await step(billing, connection, sent)
            await mail_link(connection, sent, at=billing.clock.now())
            return
    await end_session(billing.stripe, session.id)


async def _fail(billing: Billing, payment: Payment) -> None:
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if may_become(current.status, Status.FAILED):
            await step(billing, connection, replace(current, status=Status.FAILED))


async def _bought(billing: Billing, connection: Connection, account_id: str) -> int:
    return await top_ups.bought_since(connection, account_id, since=month_of(billing.clock.now()))


def _buyer(account_id: str, account: AccountFacts) -> Buyer:
    return Buyer(account_id, account.tier, account.credit_limit_minor, ip=None, email_hash=None, domain_hash=None)
