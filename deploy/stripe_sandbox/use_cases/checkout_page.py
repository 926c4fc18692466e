"""What a checkout session's page does: one try to pay or to save a card, the way back from the bank's page,
and money that comes after the session is complete."""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import authentication, cards, checkout_sessions, payment_methods
from deploy.stripe_sandbox.domain.cards import Card, CardDetails, Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, late_payments, payments, setups, subscription_checkout
from deploy.stripe_sandbox.use_cases import payment_methods as methods
from deploy.stripe_sandbox.use_cases.checkout import expire, page_address
from deploy.stripe_sandbox.use_cases.customers import create_customer
from deploy.stripe_sandbox.use_cases.turn import Turn


@dataclass(frozen=True)
class Done:
    """The session is complete, by this try or an earlier one; the browser goes to the success address."""

    address: str


@dataclass(frozen=True)
class MustAuthenticate:
    """The bank wants to see the customer; the browser goes to its page, and the session stays open."""

    address: str


@dataclass(frozen=True)
class Refused:
    """The card was refused; the session stays open for another try."""

    session: Json
    decline: Decline


@dataclass(frozen=True)
class Over:
    """The session has expired."""

    session: Json


Tried = Done | MustAuthenticate | Refused | Over


def submit(turn: Turn, session: Json, details: CardDetails, *, cardholder: str | None) -> Tried:
    """One try with a card. A complete session is never charged again; a wrong number makes no charge at all."""
    session, ended = _still_open(turn, session)
    if ended is not None:
        return ended
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        return Refused(session, card)
    billing = payment_methods.billing_details({"name": cardholder, "email": _email(session)})
    if session["mode"] == checkout_sessions.SETUP:
        return _save_card(turn, session, card, billing)
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        method = methods.create_method(turn, card, billing=billing, cvc_checked=True)
        address = page_address(turn, session["id"])
        return _begun(turn, session, subscription_checkout.attempt(turn, session, method, return_url=address), method)
    session, intent = _intent_of(turn, session)
    method = methods.create_method(turn, card, billing=billing, cvc_checked=True)
    if cards.asks_when_present(card):
        payments.ask_customer(turn, intent, method, return_url=page_address(turn, session["id"]))
        return MustAuthenticate(authentication.page_address(turn.public_url, intent["id"]))
    return _charge(turn, session, intent, method, authenticated=False)


def authenticated(turn: Turn, session: Json, intent: Json, method: Json, outcome: str) -> Tried:
    """What the bank's page said of a session's intent that waits for it."""
    session, ended = _still_open(turn, session)
    if ended is not None:
        return ended
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        return _begun(
            turn, session, subscription_checkout.authenticated(turn, session, intent, method, outcome), method
        )
    if intent["object"] == "setup_intent":
        return _set_up(turn, session, setups.authenticated(turn, intent, method, outcome), method)
    if outcome == authentication.COMPLETE:
        return _charge(turn, session, intent, method, authenticated=True)
    payments.authentication_failed(turn, intent, method)
    return Refused(session, authentication.PAYMENT_FAILED)


def money_came(turn: Turn, session: Json) -> Json:
    """The complete session once its money, which was on its way, has come."""
    attempt = late_payments.money_came(turn, _awaited(turn, session))
    invoicing.follow(turn, attempt)
    after = checkout_sessions.paid_later(session)
    turn.store.objects.save(after)
    turn.emit("checkout.session.async_payment_succeeded", after)
    payments.booked(turn, attempt)
    return after


def money_failed(turn: Turn, session: Json) -> Json:
    """The session, still complete and unpaid for good."""
    invoicing.follow(turn, late_payments.money_failed(turn, _awaited(turn, session)))
    turn.emit("checkout.session.async_payment_failed", session)
    return session


def reason_of(turn: Turn, session: Json) -> str | None:
    """Why the last try of an open session failed, for who comes back to its page."""
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        intent = subscription_checkout.intent_of(turn, session) or {}
        error = intent.get("last_payment_error") or intent.get("last_setup_error")
    elif session["setup_intent"] is not None:
        error = turn.find("setup_intent", session["setup_intent"])["last_setup_error"]
    elif session["payment_intent"] is not None:
        error = turn.find("payment_intent", session["payment_intent"])["last_payment_error"]
    else:
        error = None
    return None if error is None else str(error["message"])


def _still_open(turn: Turn, session: Json) -> tuple[Json, Done | Over | None]:
    """The session, and how it ended if it did; time that has passed unnoticed ends it now."""
    if session["status"] == checkout_sessions.COMPLETE:
        return session, _done(session)
    if checkout_sessions.is_over(session, now=turn.now):
        session = expire(turn, session)
    return session, None if session["status"] == checkout_sessions.OPEN else Over(session)


def _charge(turn: Turn, session: Json, intent: Json, method: Json, *, authenticated: bool) -> Tried:
    customer = _customer_to_be(turn, session, methods.card_of(turn, method), method)
    if customer is not None and intent["customer"] is None:
        intent = {**intent, "customer": customer["id"]}
    attempt = payments.charge(turn, intent, method, authenticated=authenticated)
    if attempt.decline is not None:
        return Refused(session, attempt.decline)
    paid = attempt.intent["status"] == "succeeded"
    status = checkout_sessions.PAID if paid else checkout_sessions.UNPAID
    after = _complete(turn, session, customer, method, payment_status=status)
    payments.booked(turn, attempt)
    return _done(after)


def _save_card(turn: Turn, session: Json, card: Card, billing: Json) -> Tried:
    method = methods.create_method(turn, card, billing=billing, cvc_checked=True)
    setup = turn.find("setup_intent", session["setup_intent"])
    attempt = setups.confirm(turn, setup, method, return_url=page_address(turn, session["id"]))
    return _set_up(turn, session, attempt, method)


def _set_up(turn: Turn, session: Json, attempt: setups.SetupAttempt, method: Json) -> Tried:
    if attempt.decline is not None:
        return Refused(session, attempt.decline)
    if attempt.setup["status"] != "succeeded":
        return MustAuthenticate(authentication.page_address(turn.public_url, attempt.setup["id"]))
    customer = _known_customer(turn, session)
    return _done(_complete(turn, session, customer, method, payment_status=checkout_sessions.NOTHING_DUE))


def _begun(turn: Turn, session: Json, tried: subscription_checkout.Try, method: Json) -> Tried:
    """What a try to begin a subscription leads to."""
    if tried.decline is not None:
        return Refused(session, tried.decline)
    if tried.subscription is None:
        return MustAuthenticate(authentication.page_address(turn.public_url, tried.intent["id"]))
    customer = subscription_checkout.customer_of(turn, session)
    after = _complete(
        turn, session, customer, method, payment_status=tried.payment_status, subscription=tried.subscription
    )
    if tried.attempt is not None:
        payments.booked(turn, tried.attempt)
    return _done(after)


def _complete(
    turn: Turn,
    session: Json,
    customer: Json | None,
    method: Json,
    *,
    payment_status: str,
    subscription: Json | None = None,
) -> Json:
    cardholder = method["billing_details"]["name"]
    after = checkout_sessions.completed(
        session,
        customer=customer,
        cardholder=cardholder,
        payment_status=payment_status,
        subscription=subscription,
    )
    turn.store.objects.save(after)
    turn.emit("checkout.session.completed", after)
    return after


def _customer_to_be(turn: Turn, session: Json, card: Card, method: Json) -> Json | None:
    """The session's customer; for `customer_creation: always` a new one, once the card is known to pay."""
    if session["customer"] is not None:
        return _known_customer(turn, session)
    if session["customer_creation"] != "always" or cards.decline_of(card.behaviour) is not None:
        return None
    given = {"email": session["customer_email"], "name": method["billing_details"]["name"]}
    return create_customer(turn, {name: value for name, value in given.items() if value is not None})


def _known_customer(turn: Turn, session: Json) -> Json | None:
    if session["customer"] is None:
        return None
    customer = turn.find("customer", session["customer"])
    return None if customer.get("deleted") else customer


def _intent_of(turn: Turn, session: Json) -> tuple[Json, Json]:
    """The session and its payment intent, made at the first try and kept for later ones."""
    if session["payment_intent"] is not None:
        return session, turn.find("payment_intent", session["payment_intent"])
    given = {**turn.store.objects.hidden(session["id"]).get("payment_intent_data", {})}
    customer = _known_customer(turn, session)
    if customer is not None:
        given["customer"] = customer["id"]
    intent = payments.create_intent(
        turn,
        amount_minor=session["amount_total"],
        currency=session["currency"],
        given=given,
        automatic=False,
    )
    session = {**session, "payment_intent": intent["id"]}
    turn.store.objects.save(session)
    return session, intent


def _awaited(turn: Turn, session: Json) -> Json:
    """The intent whose money a complete session awaits."""
    intent = None
    if checkout_sessions.awaits_money(session):
        intent = _paying(turn, session)
    if intent is None or intent["status"] != "processing":
        raise StripeError(
            f"This Checkout Session awaits no money: its status is `{session['status']}`, its payment status "
            f"`{session['payment_status']}`."
        )
    return intent


def _paying(turn: Turn, session: Json) -> Json | None:
    if session["mode"] == checkout_sessions.SUBSCRIPTION:
        return subscription_checkout.intent_of(turn, session)
    return turn.find("payment_intent", session["payment_intent"])


def _done(session: Json) -> Done:
    return Done(checkout_sessions.return_address(session["success_url"], session["id"]))


def _email(session: Json) -> str | None:
    details = session["customer_details"] or {}
    email: str | None = details.get("email")
    return email
