"""Selling (U7, U8): a sale judged by its business type's rules, reserved, judged by fraud, and charged.

No step holds a transaction over a call to another system:
1. the device, the customer and the card that are named, and the rules that need nothing else;
2. under the wallet's lock: what the account's and the device's sales have used, S14's limit, and the pending payment,
   which is the reservation of all of them;
3. fraud's assessment, saved with what it decides;
4. the charge, under one idempotency key at Stripe, settled with the caller's answer.
A refusal before 2 leaves nothing behind. Where Stripe's answer to 4 is not known, the sale stays pending, and whoever
comes first finds out: the request's repeat, the expiry loop (`pursue`), or Stripe's event.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.intents import find_intent, give_up_intent, intent_of_payment
from services.billing.clients.stripe.sales import charge_sale, find_card
from services.billing.domain.business_types import BusinessType
from services.billing.domain.credit_limit import WINDOW, CreditLimit
from services.billing.domain.paying_device import PayingDevice
from services.billing.domain.paying_intent import ABANDONED, PayingIntent
from services.billing.domain.payment import (
    PREFIX,
    SALE,
    CheckoutEnded,
    Payment,
    PaymentBlocked,
    PaymentId,
    Status,
    may_become,
)
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.pricing import USD_RATE_MICROS, usd_minor_of
from services.billing.domain.sale import PayingCard, SaleOrder, chargeable, usable, why_failed
from services.billing.domain.sale_limits import ProposedSale, checked_sale
from services.billing.service import Billing
from services.billing.store import payments, sales, saved_cards
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.judging import Buyer, Facts, assess, begin_release
from services.billing.use_cases.paying_devices import device_of
from services.billing.use_cases.payment_steps import begin, save, step
from services.billing.use_cases.post_credit import lock_wallet
from services.billing.use_cases.return_addresses import return_address
from services.billing.use_cases.review_mails import mail_approved
from services.billing.use_cases.saved_cards import customer_of, stripe_is_away
from services.billing.use_cases.settlement import settle_intent
from shared.db import Connection
from shared.errors import Invalid
from shared.idempotency import KEPT_FOR
from shared.ids import new_id
from shared.telemetry import logger_of

logger = logger_of("stripe")

DONE_PATH = "payments/done"
"""The platform's own page after the bank's."""
RELEASED_LASTS = timedelta(hours=23)
"""How long a sale that was let go on may take to be paid. Stripe remembers an idempotency key for a day."""

T = TypeVar("T")
Finish = Callable[[Connection, Payment], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction of the sale's last step."""


async def sell(billing: Billing, buyer: Buyer, order: SaleOrder, finish: Finish[T]) -> T:
    """A sale that is paid, waits for its customer at the bank, or is in review. Asked again by the same request it goes
    on with the same sale. Raises Invalid, every refusal of `sale_limits`, CreditLimitExceeded, PaymentBlocked,
    CardDeclined, AmountNotTaken, CheckoutEnded, `service_unavailable`."""
    with caused_by(CauseKind.SALE):
        earlier = await _earlier(billing, buyer, order)
        wanted = earlier or await _wanted(billing, buyer, order)
        customer_id = await customer_of(billing, buyer.account_id)
        card = await _card(billing, wanted, customer_id)
        payment = earlier or await _reserve(billing, buyer, replace(wanted, card_id=card.id))
        if payment.status is Status.PENDING:
            payment = await _judged(billing, buyer, payment, card)
        intent = await _charged(billing, payment, customer_id) if payment.status is Status.PENDING else None
        return await _answered(billing, payment, intent, finish)


async def release_sale(billing: Billing, payment: Payment) -> bool:
    """Charge a sale that was held, once; False where it is not held any more. Where its bank wants to see the customer
    he is mailed where. What Stripe does not answer now, `pursue` asks again."""
    released = await begin_release(billing, payment.id, expires_at=billing.clock.now() + RELEASED_LASTS)
    if released is None:
        return False
    await _pay(billing, released, None)
    return True


async def pursue(billing: Billing, payment: Payment) -> None:
    """Go on with a sale whose charge is not known to have ended: find it, and end it where its time is over. One that
    was never charged fails, unless it was let go on from review: its customer does not wait for it any more. Raises
    StripeUnavailable, StripeRefused."""
    customer_id = await _known_customer(billing, payment)
    intent = await _find_intent(billing, payment, customer_id)
    overdue = billing.clock.now() >= payment.expires_at
    if intent is not None and intent.status == "requires_action" and overdue:
        await give_up_intent(billing.stripe, intent.id, why=ABANDONED)
        await _settle(billing, await find_intent(billing.stripe, intent.id))
    elif intent is not None or (not overdue and await _was_released(billing, payment)):
        await _pay(billing, payment, intent)
    else:
        await _fail(billing, payment, None)


async def leave_sale(billing: Billing, payment: Payment) -> Payment:
    """The sale as it is once its customer has left it; one that is being charged stays. Raises StripeUnavailable,
    StripeRefused."""
    if payment.status is Status.REQUIRES_ACTION and payment.intent_id is not None:
        await give_up_intent(billing.stripe, payment.intent_id, why="requested_by_customer")
        await _settle(billing, await find_intent(billing.stripe, payment.intent_id))
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if current.status is Status.IN_REVIEW:
            current = replace(current, status=Status.CANCELED)
            await step(billing, connection, current)
        return current


async def _earlier(billing: Billing, buyer: Buyer, order: SaleOrder) -> Payment | None:
    """What the same request began when it was asked before, and got no answer that was kept."""
    if order.asked_key is None:
        return None
    async with billing.database.transaction() as connection:
        before = billing.clock.now() - KEPT_FOR
        await sales.forget_key(connection, buyer.account_id, order.asked_key, before=before)
        begun = await sales.begun_by(connection, buyer.account_id, order.asked_key)
        return None if begun is None else await payments.find(connection, begun)


async def _card(billing: Billing, payment: Payment, customer_id: str) -> PayingCard:
    assert payment.card_id is not None
    try:
        return usable(await find_card(billing.stripe, payment.card_id), customer_id=customer_id)
    except StripeRefused as refusal:
        raise Invalid("/payment_method", "no such card") from refusal
    except StripeUnavailable as error:
        raise stripe_is_away() from error


async def _wanted(billing: Billing, buyer: Buyer, order: SaleOrder) -> Payment:
    """The payment that the sale would be, by the rules that need nothing of others. It bears the card as it was named:
    one of Stripe's may have another name there."""
    payment = _payment(billing, buyer, order)
    device = await device_of(billing, buyer.account_id, order.device_id)
    rules = billing.settings.sale_rules[order.business_type]
    checked_sale(_proposed(payment, buyer, device), order.business_type, rules)
    return payment


async def _reserve(billing: Billing, buyer: Buyer, payment: Payment) -> Payment:
    """Insert the sale where every limit has room, with the wallet locked so that two can't share the room."""
    assert payment.business_type is not None and payment.device_id is not None
    business, now = BusinessType(payment.business_type), billing.clock.now()
    limit_minor = billing.settings.credit_limit_minor(buyer.tier, buyer.credit_limit_minor)
    async with billing.database.transaction() as connection:
        await lock_wallet(connection, payment.account_id, at=now)
        use = await sales.use_of(
            connection, account_id=payment.account_id, device_id=payment.device_id, business=business, now=now
        )
        use.require(payment.usd_minor, business, billing.settings.sale_rules[business])
        used_minor = await payments.used_minor(connection, payment.account_id, since=now - WINDOW)
        limit = CreditLimit(limit_minor, used_minor)
        limit.require(payment.usd_minor)
        await begin(connection, payment, limit)
    return payment


def _payment(billing: Billing, buyer: Buyer, order: SaleOrder) -> Payment:
    settings, now, amount = billing.settings, billing.clock.now(), chargeable(order.amount)
    rate = USD_RATE_MICROS if amount.currency == "usd" else settings.rates.get(amount.currency)
    if rate is None:
        raise Invalid("/amount/currency", f"must be one of {', '.join(sorted({'usd', *settings.rates}))}")
    return Payment(
        id=PaymentId(new_id(PREFIX, at=now)),
        account_id=buyer.account_id,
        type=SALE,
        status=Status.PENDING,
        amount=amount,
        usd_minor=usd_minor_of(amount, settings.rates),
        millicredits=0,
        rate_micros=rate,
        success_url=return_address(billing, order.return_url, "/return_url", DONE_PATH),
        cancel_url="",
        created_at=now,
        expires_at=now + timedelta(minutes=settings.sale_minutes),
        origin=SALE,
        card_id=order.payment_method,
        business_type=order.business_type.value,
        device_id=order.device_id,
        tip_minor=order.tip_minor,
        description=order.description,
        asked_key=order.asked_key,
    )


def _proposed(payment: Payment, buyer: Buyer, device: PayingDevice) -> ProposedSale:
    return ProposedSale(
        usd_minor=payment.usd_minor,
        amount_minor=payment.amount.amount_minor,
        tip_minor=payment.tip_minor,
        device=device.type,
        verified=buyer.tier != "new",
        at=payment.created_at,
    )


async def _judged(billing: Billing, buyer: Buyer, payment: Payment, card: PayingCard) -> Payment:
    """The sale with fraud's judgement, saved. Raises CheckoutEnded where it has ended meanwhile."""
    facts = Facts(
        origin=SALE,
        business_type=payment.business_type,
        device_id=payment.device_id,
        card_fingerprint=card.fingerprint,
        card_country=card.country,
        card_funding=card.funding,
    )
    judged = await assess(billing, buyer, payment, facts)
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if may_become(current.status, judged.status):
            await step(billing, connection, judged)
        elif current.status is Status.PENDING:
            await save(billing, connection, judged)
        else:
            raise CheckoutEnded(current.status)
    return judged


async def _charged(billing: Billing, payment: Payment, customer_id: str) -> PayingIntent | None:
    """The sale's charge; None where Stripe's answer is not known, or there is none and the sale has failed. One whose
    answer was lost is found by the same call, since its key is known to Stripe."""
    assert payment.business_type is not None
    rules = billing.settings.sale_rules[BusinessType(payment.business_type)]
    try:
        return await charge_sale(billing.stripe, payment, rules, customer_id=customer_id)
    except StripeRefused as refusal:
        logger.warning("sale_refused", payment_id=payment.id, code=refusal.code)
        await _fail(billing, payment, refusal.decline_code or refusal.code)
    except StripeUnavailable as error:
        logger.warning("sale_without_stripe", payment_id=payment.id, error=str(error))
    return None


async def _answered(billing: Billing, payment: Payment, intent: PayingIntent | None, finish: Finish[T]) -> T:
    """Settle the charge, and keep the caller's answer with it. A refusal is told once what led to it is saved."""
    async with billing.database.transaction() as connection:
        if intent is not None:
            await settle_intent(billing, connection, intent)
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if current.status not in (Status.BLOCKED, Status.FAILED):
            return await finish(connection, current)
    raise PaymentBlocked(current.id) if current.status is Status.BLOCKED else why_failed(current)


async def _pay(billing: Billing, payment: Payment, intent: PayingIntent | None) -> None:
    """Charge a sale, or take what its charge has become."""
    if intent is None:
        customer_id = await _known_customer(billing, payment)
        intent = None if customer_id is None else await _charged(billing, payment, customer_id)
    await _settle(billing, intent)
    await _mail_way_to_bank(billing, payment)


async def _mail_way_to_bank(billing: Billing, payment: Payment) -> None:
    """Nobody waits for the answer of a sale that was let go on, so its customer is mailed, once."""
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if current.status is Status.REQUIRES_ACTION and await sales.was_released(connection, current.id):
            await mail_approved(connection, current, at=billing.clock.now())


async def _settle(billing: Billing, intent: PayingIntent | None) -> None:
    if intent is not None:
        async with billing.database.transaction() as connection:
            await settle_intent(billing, connection, intent)


async def _fail(billing: Billing, payment: Payment, code: str | None) -> None:
    async with billing.database.transaction() as connection:
        current = await payments.locked(connection, payment.id)
        assert current is not None
        if may_become(current.status, Status.FAILED):
            await step(billing, connection, replace(current, status=Status.FAILED, failure_code=code))


async def _known_customer(billing: Billing, payment: Payment) -> str | None:
    async with billing.database.transaction() as connection:
        return await saved_cards.customer_of(connection, payment.account_id)


async def _find_intent(billing: Billing, payment: Payment, customer_id: str | None) -> PayingIntent | None:
    if payment.intent_id is not None:
        return await find_intent(billing.stripe, payment.intent_id)
    return None if customer_id is None else await intent_of_payment(billing.stripe, payment, customer_id=customer_id)


async def _was_released(billing: Billing, payment: Payment) -> bool:
    async with billing.database.transaction() as connection:
        return await sales.was_released(connection, payment.id)
