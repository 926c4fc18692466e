"""What an event of Stripe's does here: its object is fetched anew, and its present state applied.

Fetching is done outside any transaction and applying inside the one that closes the event, so that an event whose
effect is lost is not closed either. Doing it again, late, doubled or out of order changes nothing further.
"""

from dataclasses import dataclass

from services.billing.clients.stripe.checkouts import find_session, session_of_intent
from services.billing.domain.checkout_session import Ignored, SessionState
from services.billing.domain.stripe_events import (
    ApplyCustomer,
    ApplyIntent,
    ApplyInvoice,
    ApplySession,
    ApplySubscription,
    Command,
    Ignore,
)
from services.billing.service import Billing
from services.billing.use_cases.settlement import settle
from shared.db import Connection


@dataclass(frozen=True, slots=True)
class Found:
    """What Stripe has now of what an event is about, in the order in which it is applied. `nothing_because` is the
    reason why there is none of it."""

    session: SessionState | None = None
    nothing_because: str = ""


async def fetch(billing: Billing, command: Command) -> Found:
    """Ask Stripe for what the command names. Holds no lock. Raises StripeRefused, StripeUnavailable."""
    match command:
        case ApplySession(session_id):
            session = await find_session(billing.stripe, session_id)
            return Found(session, "Stripe knows no Checkout Session of this id")
        case ApplyIntent(intent_id):
            session = await session_of_intent(billing.stripe, intent_id)
            return Found(session, "Stripe knows no Checkout Session of this payment intent")
        case ApplyInvoice() | ApplySubscription():
            return Found(nothing_because="no subscription of ours")
        case ApplyCustomer():
            return Found(nothing_because="no customer of Stripe's is one of ours")
        case Ignore(reason):
            return Found(nothing_because=reason)
        case _:
            return Found(nothing_because="no payment here has this charge")


async def apply(billing: Billing, connection: Connection, found: Found) -> Ignored | None:
    """Apply it in the caller's transaction; Ignored with the reason where none of it is ours.

    Locks a payment's row, then its account's wallet.
    """
    if found.session is None:
        return Ignored(found.nothing_because)
    return await settle(billing, connection, found.session)
