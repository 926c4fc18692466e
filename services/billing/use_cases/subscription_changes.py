"""What a customer does with a subscription: cancel, resume, pause, change the plan.

Each asks Stripe, which decides, and then settles what Stripe has: asked again, it changes nothing more. Our own pause
is kept by Stripe with its own, so that no answer that is lost can part the two. Who charges at once does it whole or
not at all, under a key that holds until the subscription is next read, so that two requests at the same moment charge
once.
"""

import contextlib
from collections.abc import AsyncIterator

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe import subscribing as stripe
from services.billing.clients.stripe.checkouts import end_session
from services.billing.clients.stripe.declines import bank_decline
from services.billing.domain.payment_step import CauseKind
from services.billing.domain.saved_card import default_of
from services.billing.domain.subscriptions.plan import Plan
from services.billing.domain.subscriptions.subscription import FINAL, Status, Subscription, SubscriptionState
from services.billing.service import Billing
from services.billing.store import subscriptions
from services.billing.use_cases.causes import caused_by
from services.billing.use_cases.saved_cards import list_cards, stripe_is_away
from services.billing.use_cases.subscribing import find_subscription, plan_on_sale, price_of
from services.billing.use_cases.subscription_settling import (
    read_subscription,
    settle_anew,
    settle_subscription_session,
)
from shared.errors import DomainError, Invalid

RUNNING = frozenset({Status.ACTIVE, Status.TRIALING})
_OF_A_CARD = frozenset(
    {
        "authentication_required",
        "card_declined",
        "expired_card",
        "incorrect_cvc",
        "incorrect_number",
        "processing_error",
        "resource_missing",
        "subscription_payment_intent_requires_action",
    }
)
"""Stripe's codes for a card that does not pay now, or is not there."""


async def cancel(billing: Billing, account_id: str, subscription_id: str, *, at_period_end: bool) -> Subscription:
    """End it: now, with its license, or with the period that is paid. One that was never paid ends now, and its page
    with it. Raises NotFound, `subscription_ended`, `subscription_began`, `service_unavailable`."""
    known = await _living(billing, account_id, subscription_id)
    async with _asking_stripe(billing, known):
        if known.status is Status.INCOMPLETE:
            return await _leave(billing, known)
        assert known.stripe_subscription_id is not None, "what has begun has its id"
        if at_period_end:
            await stripe.cancel_at_period_end(billing.stripe, known.stripe_subscription_id, ends=True)
        else:
            await stripe.cancel_now(billing.stripe, known.stripe_subscription_id)
        return await settle_anew(billing, known.stripe_subscription_id)


async def pause(billing: Billing, account_id: str, subscription_id: str) -> Subscription:
    """Charge no more: what is paid is used up, then its license is suspended until it is resumed. Pausing it again
    changes nothing. Raises NotFound, `subscription_ended`, `not_pausable`, `service_unavailable`."""
    known = await _living(billing, account_id, subscription_id)
    if known.paused_at is not None:
        known = await _read_anew(billing, known)
    if known.paused_at is not None:
        return known
    if known.status not in RUNNING or known.cancel_at_period_end or known.stripe_subscription_id is None:
        raise DomainError("not_pausable", "Only a subscription that runs, is paid and goes on can be paused.")
    async with _asking_stripe(billing, known):
        await stripe.pause_collection(billing.stripe, known.stripe_subscription_id, at=billing.clock.now())
        return await settle_anew(billing, known.stripe_subscription_id)


async def resume(billing: Billing, account_id: str, subscription_id: str) -> Subscription:
    """Undo a cancel at the period's end, or a pause. Where what was paid is used up meanwhile, a new period begins and
    is paid at once. Raises NotFound, `subscription_ended`, `not_paused`, `card_declined`, `service_unavailable`."""
    known = await _living(billing, account_id, subscription_id)
    if not _can_go_on(known):
        known = await _read_anew(billing, known)
    if known.stripe_subscription_id is None or not _can_go_on(known):
        raise DomainError("not_paused", "The subscription is neither paused nor about to end.")
    async with _asking_stripe(billing, known):
        state = await _state(billing, known.stripe_subscription_id)
        if state.cancel_at_period_end:
            await stripe.cancel_at_period_end(billing.stripe, state.id, ends=False)
        if _is_paused(known) or state.paused_at is not None:
            await _go_on(billing, known, state)
        return await settle_anew(billing, state.id)


async def change_plan(billing: Billing, account_id: str, subscription_id: str, plan_id: str) -> Subscription:
    """Move it to another plan now; the difference for the rest of the period is charged or credited. A card that is
    refused leaves everything as it was. A plan with fewer activations than are in use is taken all the same.
    Raises NotFound, Invalid, `subscription_ended`, `not_changeable`, `card_declined`, `service_unavailable`."""
    known = await find_subscription(billing, account_id, subscription_id)
    plan = await plan_on_sale(billing, plan_id)
    _require_living(known)
    if plan.id == known.plan_id:
        return known
    if plan.price.currency != known.price.currency:
        raise Invalid("/plan", f"is not sold in {known.price.currency}, in which this subscription is paid")
    if known.status not in RUNNING or known.stripe_subscription_id is None:
        raise DomainError("not_changeable", "Only a subscription that runs and is paid can change its plan.")
    async with _asking_stripe(billing, known):
        await _move(billing, known, plan)
        return await settle_anew(billing, known.stripe_subscription_id)


async def _living(billing: Billing, account_id: str, subscription_id: str) -> Subscription:
    known = await find_subscription(billing, account_id, subscription_id)
    _require_living(known)
    return known


def _is_paused(known: Subscription) -> bool:
    return known.paused_at is not None or known.status is Status.PAUSED


def _can_go_on(known: Subscription) -> bool:
    return _is_paused(known) or known.cancel_at_period_end


async def _read_anew(billing: Billing, known: Subscription) -> Subscription:
    """As Stripe has it: what was asked for before may have been done though its answer was lost. Raises
    `subscription_ended`, `service_unavailable`."""
    if known.stripe_subscription_id is None:
        return known
    async with _asking_stripe(billing, known):
        read = await settle_anew(billing, known.stripe_subscription_id)
    _require_living(read)
    return read


def _require_living(known: Subscription) -> None:
    if known.standing in FINAL:
        raise DomainError("subscription_ended", "The subscription has ended. Subscribe anew: it brings a new license.")


async def _leave(billing: Billing, known: Subscription) -> Subscription:
    """Stripe's page is ended first, so that nobody can pay it any more, and since only Stripe knows whether it was paid
    in this very moment."""
    session = None if known.session_id is None else await end_session(billing.stripe, known.session_id)
    began_as = known.stripe_subscription_id or (None if session is None else session.subscription_id)
    if began_as is not None:
        return await _leave_begun(billing, began_as)
    if session is None:
        raise stripe_is_away()
    async with billing.database.transaction() as connection:
        await settle_subscription_session(billing, connection, session, None)
        left = await subscriptions.find(connection, known.id)
    assert left is not None
    return left


async def _leave_begun(billing: Billing, stripe_subscription_id: str) -> Subscription:
    """One whose first payment was tried."""
    settled = await settle_anew(billing, stripe_subscription_id)
    if settled.status is Status.INCOMPLETE:
        await stripe.cancel_now(billing.stripe, stripe_subscription_id)
        settled = await settle_anew(billing, stripe_subscription_id)
    if settled.standing not in FINAL:
        raise DomainError("subscription_began", "It was paid in this moment, and runs. Cancel it again to end it.")
    return settled


async def _go_on(billing: Billing, known: Subscription, state: SubscriptionState) -> None:
    """Charge again; nothing where Stripe does already."""
    ours = state.collection_paused and (state.paused_at or known.paused_at) is not None
    used_up = known.expires_at is None or billing.clock.now() >= known.expires_at
    async with _card_charged(billing, state.id):
        if state.status == "paused":
            await stripe.resume_after_trial(billing.stripe, state.id, key=_key("resume", known))
        elif ours and used_up:
            await stripe.resume_in_new_period(billing.stripe, state.id, key=_key("resume", known))
        elif ours:
            await stripe.resume_collection(billing.stripe, state.id)


async def _move(billing: Billing, known: Subscription, plan: Plan) -> None:
    assert known.stripe_subscription_id is not None
    price_id = await price_of(billing, plan)
    state = await _state(billing, known.stripe_subscription_id)
    if state.item_id is None:
        raise stripe_is_away()
    kept = default_of(await list_cards(billing, known.account_id))
    default_id = state.default_card_id or (None if kept is None else kept.id)
    other = None if default_id == state.card_id else default_id

    async def paid_by(card_id: str | None) -> None:
        assert state.item_id is not None
        key = _key(f"change-{plan.id}-{card_id or state.card_id}", known)
        await stripe.change_price(
            billing.stripe, state.id, item_id=state.item_id, price_id=price_id, key=key, card_id=card_id
        )

    async with _card_charged(billing, state.id):
        try:
            await paid_by(other if state.card_id is None else None)
        except StripeRefused as refusal:
            if other is None or state.card_id is None or not _wants_its_owner(refusal):
                raise
            await paid_by(other)


def _wants_its_owner(refusal: StripeRefused) -> bool:
    """Whether the card's bank asks for its owner, whom nobody can show a page here."""
    return bank_decline(refusal.code, refusal.decline_code) == "authentication_required"


async def _state(billing: Billing, stripe_subscription_id: str) -> SubscriptionState:
    state = await read_subscription(billing, stripe_subscription_id)
    if state is None:
        raise stripe_is_away()
    return state


def _key(deed: str, known: Subscription) -> str:
    """Stripe's idempotency key. A refused card is asked again under a new one: a refusal is settled like all else."""
    asked_at = known.asked_at.timestamp() if known.asked_at is not None else 0
    return f"{deed}-{known.id}-{asked_at:.6f}"


@contextlib.asynccontextmanager
async def _asking_stripe(billing: Billing, known: Subscription) -> AsyncIterator[None]:
    """The customer's doing. What Stripe refuses may have ended meanwhile: then that is what is said."""
    with caused_by(CauseKind.CUSTOMER):
        try:
            yield
        except StripeUnavailable as error:
            raise stripe_is_away() from error
        except StripeRefused as refusal:
            await _settle_if_there(billing, known)
            raise stripe_is_away() from refusal


async def _settle_if_there(billing: Billing, known: Subscription) -> None:
    """Raises `subscription_ended` where it has."""
    if known.stripe_subscription_id is not None:
        with contextlib.suppress(StripeUnavailable, StripeRefused):
            _require_living(await settle_anew(billing, known.stripe_subscription_id))


@contextlib.asynccontextmanager
async def _card_charged(billing: Billing, stripe_subscription_id: str) -> AsyncIterator[None]:
    """Raises `card_declined` where that is why Stripe refused."""
    try:
        yield
    except StripeRefused as refusal:
        if refusal.code not in _OF_A_CARD and refusal.decline_code is None:
            raise
        await settle_anew(billing, stripe_subscription_id)
        raise DomainError(
            "card_declined",
            "The card was refused and nothing was changed. Choose another (POST /api/v1/payment-methods/{id}/default),"
            " saved before by POST /api/v1/payment-methods, and try again.",
            extra={"decline_code": bank_decline(refusal.code, refusal.decline_code)},
        ) from refusal
