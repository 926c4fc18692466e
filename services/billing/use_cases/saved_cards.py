"""Saved cards: an account's customer at Stripe, pages on which cards are saved, and the cards as Stripe has them now.

Stripe keeps the cards. What is read of a customer replaces all that is kept here of it, unless that was asked for
later, so that neither the order of events nor their number matters.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.checkouts import NewSetup, create_setup
from services.billing.clients.stripe.customers import (
    adopt_saved_card,
    create_customer,
    detach_card,
    find_customer,
    replace_card,
    set_default_card,
)
from services.billing.domain.checkout_session import Ignored
from services.billing.domain.saved_card import CustomerState, SavedCard, default_of, with_default
from services.billing.service import Billing
from services.billing.store import saved_cards
from services.billing.use_cases.return_addresses import return_address
from shared.db import Connection
from shared.errors import DomainError, NotFound

_SAVED_PATH, _LEFT_PATH = "cards/saved", ""

Kept = TypeVar("Kept")


async def customer_of(billing: Billing, account_id: str) -> str:
    """The account's customer at Stripe, made where there is none. Raises `service_unavailable`."""
    async with billing.database.transaction() as connection:
        known = await saved_cards.customer_of(connection, account_id)
    if known is not None:
        return known
    try:
        made = await create_customer(billing.stripe, account_id)
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    async with billing.database.transaction() as connection:
        await saved_cards.keep_customer(connection, account_id, made, at=billing.clock.now())
    return made


async def list_cards(billing: Billing, account_id: str) -> tuple[SavedCard, ...]:
    """The default first."""
    async with billing.database.transaction() as connection:
        return await saved_cards.cards_of(connection, account_id)


async def begin_saving(billing: Billing, account_id: str, *, success_url: str | None, cancel_url: str | None) -> str:
    """The address of a page on which a card is saved. Raises Invalid, `service_unavailable`."""
    success = return_address(billing, success_url, "/success_url", _SAVED_PATH)
    cancel = return_address(billing, cancel_url, "/cancel_url", _LEFT_PATH)
    customer_id = await customer_of(billing, account_id)
    try:
        return await create_setup(billing.stripe, NewSetup(account_id, customer_id, success, cancel))
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error


async def remove_card(billing: Billing, account_id: str, card_id: str) -> None:
    """Forget a card at Stripe and here; subscriptions that it paid are paid by the default of those that are left.
    Raises NotFound, `service_unavailable`."""
    customer_id = await _customer_with(billing, account_id, card_id)
    try:
        await _hand_over(billing, customer_id, card_id)
        await detach_card(billing.stripe, card_id)
        await adopt_saved_card(billing.stripe, customer_id)
        state = await find_customer(billing.stripe, customer_id, asked_at=billing.clock.real_now())
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    if state is not None:
        async with billing.database.transaction() as connection:
            await settle_customer(billing, connection, state)


async def _hand_over(billing: Billing, customer_id: str, card_id: str) -> None:
    """Have what a card pays paid by the default of the others, where there are any, before it goes."""
    state = await find_customer(billing.stripe, customer_id, asked_at=billing.clock.real_now())
    cards = () if state is None else state.cards
    heir = default_of(with_default(tuple(card for card in cards if card.id != card_id)))
    if heir is not None:
        await replace_card(billing.stripe, customer_id, card_id, by=heir.id)


async def choose_default(
    billing: Billing, account_id: str, card_id: str, keep: Callable[[Connection, SavedCard], Awaitable[Kept]]
) -> Kept:
    """Have a card charged from now on where none is named; `keep` makes the answer in the transaction that keeps it.
    Choosing it again changes nothing. Raises NotFound, `service_unavailable`."""
    customer_id = await _customer_with(billing, account_id, card_id)
    try:
        await set_default_card(billing.stripe, customer_id, card_id)
        state = await find_customer(billing.stripe, customer_id, asked_at=billing.clock.real_now())
    except (StripeUnavailable, StripeRefused) as error:
        raise stripe_is_away() from error
    chosen = next((card for card in state.cards if card.id == card_id), None) if state is not None else None
    if state is None or chosen is None:
        raise NotFound("payment method")
    async with billing.database.transaction() as connection:
        await settle_customer(billing, connection, state)
        return await keep(connection, chosen)


async def _customer_with(billing: Billing, account_id: str, card_id: str) -> str:
    async with billing.database.transaction() as connection:
        cards = await saved_cards.cards_of(connection, account_id)
        customer_id = await saved_cards.customer_of(connection, account_id)
    if customer_id is None or card_id not in {card.id for card in cards}:
        raise NotFound("payment method")
    return customer_id


async def knows_customer(billing: Billing, customer_id: str) -> bool:
    """Whether a customer of Stripe's is an account's here."""
    async with billing.database.transaction() as connection:
        return await saved_cards.lock_customer(connection, customer_id) is not None


async def settle_customer(billing: Billing, connection: Connection, state: CustomerState) -> Ignored | None:
    """Keep of a customer what Stripe has of it now; Ignored where it is nobody's here, or what is kept was asked for
    later. Locks the customer's row."""
    known = await saved_cards.lock_customer(connection, state.id)
    if known is None:
        return Ignored("no account here is this customer")
    account_id, asked_at = known
    if asked_at is not None and state.asked_at < asked_at:
        return Ignored("the customer has been read anew meanwhile")
    if state.is_deleted:
        await saved_cards.forget_customer(connection, account_id)
    else:
        await saved_cards.replace_cards(connection, account_id, state, at=billing.clock.now())
    return None


def stripe_is_away() -> DomainError:
    return DomainError(
        "service_unavailable",
        "The payment provider does not answer; nothing was changed. Try again shortly.",
        headers={"Retry-After": "5"},
    )
