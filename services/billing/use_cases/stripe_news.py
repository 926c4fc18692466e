"""What an event of Stripe's does here: its object is fetched anew, and its present state applied.

Fetching is done outside any transaction and applying inside the one that closes the event, so that an event whose
effect is lost is not closed either. Doing it again, late, doubled or out of order changes nothing further. With a
refund, a dispute or a charge its payment is fetched too and settled first, so that their events may overtake its own;
and with a dispute the charge's refunds, since it takes no more than they have left. An invoice's event is read as one
of its subscription; a customer's, as one of the subscriptions, too, that wait for a card of his.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.billing.clients.stripe.balance import transactions_of
from services.billing.clients.stripe.charges import find_charge
from services.billing.clients.stripe.checkouts import find_session, session_of_intent
from services.billing.clients.stripe.customers import adopt_saved_card, find_customer
from services.billing.clients.stripe.disputes import find_dispute
from services.billing.clients.stripe.intents import find_intent
from services.billing.clients.stripe.refunds import find_refund, refunds_of_charge
from services.billing.clients.stripe.subscriptions import subscription_of_invoice
from services.billing.domain.checkout_session import Ignored, SessionState
from services.billing.domain.dispute import DisputeState
from services.billing.domain.disputing import PaymentNotSettledYet
from services.billing.domain.paying_intent import PayingIntent
from services.billing.domain.refund import RefundState
from services.billing.domain.saved_card import CustomerState
from services.billing.domain.stripe_balance import BalanceTransaction
from services.billing.domain.stripe_events import (
    ApplyCharge,
    ApplyCustomer,
    ApplyDispute,
    ApplyIntent,
    ApplyInvoice,
    ApplyPayout,
    ApplyRefund,
    ApplySession,
    ApplySubscription,
    Command,
    Ignore,
)
from services.billing.domain.stripe_events.fields import path_id
from services.billing.domain.stripe_events.subscription_shapes import InvoiceFacts, InvoicePaymentFacts
from services.billing.domain.subscriptions.subscription import SubscriptionState
from services.billing.service import Billing
from services.billing.store import subscriptions
from services.billing.use_cases.bookkeeping import settle_transaction
from services.billing.use_cases.disputes import settle_dispute
from services.billing.use_cases.refunds import settle_refund
from services.billing.use_cases.saved_cards import knows_customer, settle_customer
from services.billing.use_cases.settlement import settle_intent, settle_session
from services.billing.use_cases.subscription_settling import (
    read_subscription,
    settle_subscription,
    settle_subscription_session,
)
from shared.db import Connection

NO_SUBSCRIPTION = "an invoice of no subscription"


class NotYet(Exception):
    """What this is about can't be settled before something that is on its way. The event is tried again."""


@dataclass(frozen=True, slots=True)
class Found:
    """What Stripe has now of what an event is about. `about` says how Stripe calls what was looked for, `charged` that
    money was taken."""

    about: str
    session: SessionState | None = None
    intent: PayingIntent | None = None
    customer: CustomerState | None = None
    refunds: Sequence[RefundState] = ()
    dispute: DisputeState | None = None
    transactions: Sequence[BalanceTransaction] = ()
    charged: bool = False
    subscriptions: Sequence[SubscriptionState] = ()


Fetched = Found | Ignored


async def fetch(billing: Billing, command: Command) -> Fetched:
    """Ask Stripe for what the command names. Holds no lock. Raises StripeRefused, StripeUnavailable."""
    match command:
        case Ignore(reason):
            return Ignored(reason)
        case ApplySubscription(subscription):
            return await _subscription(billing, path_id(subscription.id))
        case ApplyInvoice(invoice):
            return await _invoice(billing, invoice)
        case ApplyCustomer(customer_id, was_saved):
            if was_saved and await knows_customer(billing, customer_id):
                await adopt_saved_card(billing.stripe, customer_id)
            return await _customer(billing, customer_id)
        case _:
            return await _find(billing, command)


async def apply(billing: Billing, connection: Connection, fetched: Fetched) -> Ignored | None:
    """Apply it in the caller's transaction; Ignored with the reason where it is none of ours.

    Locks the payment's row, its account's top-up setting, then its wallet. Raises NotYet, and whatever settling raises;
    the transaction must then roll back.
    """
    if isinstance(fetched, Ignored):
        return fetched
    if fetched.customer is not None or fetched.subscriptions or _begins_subscription(fetched):
        return await _apply_to_subscriptions(billing, connection, fetched)
    why_not_ours = await _settle_payment(billing, connection, fetched)
    outcomes = [await settle_refund(billing, connection, refund) for refund in fetched.refunds]
    if fetched.dispute is not None:
        outcomes.append(await _settle_dispute(billing, connection, fetched, fetched.dispute, why_not_ours))
    if why_not_ours is None and not _paid(fetched) and _needs_its_payment(fetched, outcomes):
        raise NotYet("this came before the success of its payment")
    for transaction in fetched.transactions:
        outcomes.append(await settle_transaction(billing, connection, transaction))
    return _first_reason(outcomes or [why_not_ours])


async def _find(
    billing: Billing, command: ApplySession | ApplyIntent | ApplyCharge | ApplyRefund | ApplyDispute | ApplyPayout
) -> Found:
    match command:
        case ApplySession(session_id):
            return await _session(billing, session_id)
        case ApplyIntent(intent_id):
            return await _with_payment(billing, Found("payment intent"), intent_id)
        case ApplyCharge(charge_id):
            return await _charge(billing, charge_id)
        case ApplyRefund(refund_id):
            return await _refund(billing, refund_id)
        case ApplyDispute(dispute_id):
            return await _dispute(billing, dispute_id)
        case ApplyPayout(payout_id):
            return Found("payout's transaction", transactions=await transactions_of(billing.stripe, payout_id))


async def _session(billing: Billing, session_id: str) -> Found:
    """With the subscription that it began, where it was to begin one."""
    session = await find_session(billing.stripe, session_id)
    if session is None or session.subscription_id is None:
        return Found("Checkout Session", session)
    state = await read_subscription(billing, session.subscription_id)
    return Found("Checkout Session", session, subscriptions=() if state is None else (state,))


async def _subscription(billing: Billing, subscription_id: str | None) -> Fetched:
    if subscription_id is None:
        return Ignored("the event names no object")
    state = await read_subscription(billing, subscription_id)
    return (
        Ignored("Stripe knows no such subscription") if state is None else Found("subscription", subscriptions=(state,))
    )


async def _invoice(billing: Billing, invoice: InvoiceFacts | InvoicePaymentFacts) -> Fetched:
    """Its subscription, which its payments do not name."""
    if isinstance(invoice, InvoiceFacts):
        named = path_id(invoice.subscription_id)
    else:
        invoice_id = path_id(invoice.invoice_id)
        named = None if invoice_id is None else await subscription_of_invoice(billing.stripe, invoice_id)
    return Ignored(NO_SUBSCRIPTION) if named is None else await _subscription(billing, named)


async def _customer(billing: Billing, customer_id: str) -> Found:
    """With those of its subscriptions whose payments failed: a new card pays them."""
    asked_at = billing.clock.real_now()
    customer = await find_customer(billing.stripe, customer_id, asked_at=asked_at)
    async with billing.database.transaction() as connection:
        unpaid = await subscriptions.failing_of_customer(connection, customer_id)
    states = [await read_subscription(billing, subscription_id) for subscription_id in unpaid]
    return Found("customer", customer=customer, subscriptions=[state for state in states if state is not None])


def _begins_subscription(found: Found) -> bool:
    return found.session is not None and found.session.mode == "subscription"


async def _apply_to_subscriptions(billing: Billing, connection: Connection, found: Found) -> Ignored | None:
    outcomes = []
    if found.customer is not None:
        outcomes.append(await settle_customer(billing, connection, found.customer))
    if found.session is not None:
        state = next(iter(found.subscriptions), None)
        return await settle_subscription_session(billing, connection, found.session, state)
    outcomes += [await settle_subscription(billing, connection, state) for state in found.subscriptions]
    return _first_reason(outcomes)


async def _charge(billing: Billing, charge_id: str) -> Found:
    charge = await find_charge(billing.stripe, charge_id)
    if charge is None:
        return Found("charge")
    refunds = await refunds_of_charge(billing.stripe, charge.id) if charge.has_refunds else ()
    charged = charge.status == "succeeded"
    found = Found("charge", refunds=refunds, transactions=charge.transactions, charged=charged)
    return await _with_payment(billing, found, charge.intent_id)


async def _refund(billing: Billing, refund_id: str) -> Found:
    refund = await find_refund(billing.stripe, refund_id)
    if refund is None:
        return Found("refund")
    return await _with_payment(billing, Found("refund", refunds=(refund,)), refund.intent_id)


async def _dispute(billing: Billing, dispute_id: str) -> Found:
    dispute = await find_dispute(billing.stripe, dispute_id)
    if dispute is None:
        return Found("dispute")
    refunds = await refunds_of_charge(billing.stripe, dispute.charge_id)
    return await _with_payment(billing, Found("dispute", refunds=refunds, dispute=dispute), dispute.intent_id)


async def _with_payment(billing: Billing, found: Found, intent_id: str | None) -> Found:
    """With what pays for it: the page that made the intent, or the intent alone, where a saved card was charged."""
    if intent_id is None:
        return found
    session = await session_of_intent(billing.stripe, intent_id)
    if session is not None:
        return replace(found, session=session)
    return replace(found, intent=await find_intent(billing.stripe, intent_id))


async def _settle_dispute(
    billing: Billing, connection: Connection, found: Found, dispute: DisputeState, why_not_ours: Ignored | None
) -> Ignored | None:
    """One that waits for its payment waits in vain where that was paid otherwise than asked."""
    try:
        return await settle_dispute(billing, connection, dispute)
    except PaymentNotSettledYet:
        if why_not_ours is not None and _paid(found):
            return why_not_ours
        raise


async def _settle_payment(billing: Billing, connection: Connection, found: Found) -> Ignored | None:
    """The payment before what follows from it: None where it is one of ours, else why not."""
    if found.session is not None:
        return await settle_session(billing, connection, found.session)
    if found.intent is not None:
        return await settle_intent(billing, connection, found.intent)
    return Ignored(f"Stripe knows no such {found.about}, or none of ours")


def _needs_its_payment(found: Found, outcomes: Sequence[Ignored | None]) -> bool:
    """Whether there is what only a paid payment has: money of its charge, or a refund or dispute, which was ignored
    since the payment is not paid here."""
    return found.charged or any(ignored is not None for ignored in outcomes)


def _paid(found: Found) -> bool:
    is_session = found.session is not None and found.session.payment_status == "paid"
    return is_session or (found.intent is not None and found.intent.status == "succeeded")


def _first_reason(outcomes: Sequence[Ignored | None]) -> Ignored | None:
    """None where any of it was ours, else the first reason why it was not."""
    return None if None in outcomes else outcomes[0]
