"""A checkout session that sells a subscription: one try to begin it with a card.

Where something is due, the subscription begins with the first try, incomplete, and later tries pay the same invoice;
where nothing is due of the card yet (a trial, or the customer's balance pays), the card is set up first and the
subscription begins with it. Until the session is complete it names neither: what a try has made is kept beside it.
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import authentication, cards, checkout_sessions, subscriptions
from deploy.stripe_sandbox.domain.cards import Decline
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, payment_methods, payments, renewals, setups, standing
from deploy.stripe_sandbox.use_cases.customers import create_customer
from deploy.stripe_sandbox.use_cases.subscriptions import begin
from deploy.stripe_sandbox.use_cases.turn import Turn


@dataclass(frozen=True)
class Try:
    """How a try ended: `subscription` begun, or `decline`, or neither while the bank wants to see the customer.

    `attempt` is the payment's, to be booked once the session is told of.
    """

    intent: Json
    subscription: Json | None = None
    decline: Decline | None = None
    attempt: payments.Attempt | None = None

    @property
    def payment_status(self) -> str:
        if self.attempt is None:
            return checkout_sessions.NOTHING_DUE
        paid = self.attempt.intent["status"] == "succeeded"
        return checkout_sessions.PAID if paid else checkout_sessions.UNPAID


def attempt(turn: Turn, session: Json, method: Json, *, return_url: str) -> Try:
    subscription = _unpaid(turn, session)
    if subscription is None and _nothing_due(turn, session):
        setup = _setup_of(turn, session)
        return _set_up(turn, session, setups.confirm(turn, setup, method, return_url=return_url), method)
    subscription = subscription or _begin(turn, session, method_id=None)
    intent = _prepared(turn, session, subscription, method)
    if cards.asks_when_present(payment_methods.card_of(turn, method)):
        return Try(payments.ask_customer(turn, intent, method, return_url=return_url).intent)
    return _charged(turn, subscription, payments.charge(turn, intent, method))


def authenticated(turn: Turn, session: Json, intent: Json, method: Json, outcome: str) -> Try:
    """What the bank's page said of the intent that waits for it."""
    if intent["object"] == "setup_intent":
        return _set_up(turn, session, setups.authenticated(turn, intent, method, outcome), method)
    subscription = _unpaid(turn, session) or _begin(turn, session, method_id=None)
    if outcome == authentication.COMPLETE:
        return _charged(turn, subscription, payments.charge(turn, intent, method, authenticated=True))
    return _charged(turn, subscription, payments.authentication_failed(turn, intent, method))


def give_up(turn: Turn, session: Json) -> None:
    """The session has expired: what its tries began ends with it."""
    kept = turn.store.objects.hidden(session["id"])
    if "subscription" in kept:
        subscription = turn.find("subscription", kept["subscription"])
        if subscription["status"] == subscriptions.INCOMPLETE:
            renewals.expire(turn, subscription)
    if "setup_intent" in kept:
        setup = turn.find("setup_intent", kept["setup_intent"])
        if setup["status"] != "succeeded":
            setups.cancel(turn, setup, reason="abandoned")


def intent_of(turn: Turn, session: Json) -> Json | None:
    """The intent of the tries so far."""
    subscription = _unpaid(turn, session)
    if subscription is not None:
        return invoicing.intent_of(turn, turn.find("invoice", subscription["latest_invoice"]))
    kept = turn.store.objects.hidden(session["id"])
    if "setup_intent" in kept:
        return turn.find("setup_intent", kept["setup_intent"])
    if "subscription" not in kept:
        return None
    subscription = turn.find("subscription", kept["subscription"])
    return invoicing.intent_of(turn, turn.find("invoice", subscription["latest_invoice"]))


def customer_of(turn: Turn, session: Json) -> Json:
    """The session's customer, or the one that its first try made."""
    known = session["customer"] or turn.store.objects.hidden(session["id"]).get("customer")
    if known is not None:
        return turn.find("customer", known)
    email = session["customer_email"]
    customer = create_customer(turn, {} if email is None else {"email": email})
    turn.store.objects.hide(session["id"], customer=customer["id"])
    return customer


def _charged(turn: Turn, subscription: Json, tried: payments.Attempt) -> Try:
    invoicing.follow(turn, tried)
    if tried.decline is not None:
        return Try(tried.intent, decline=tried.decline)
    return Try(tried.intent, turn.find("subscription", subscription["id"]), attempt=tried)


def _set_up(turn: Turn, session: Json, tried: setups.SetupAttempt, method: Json) -> Try:
    if tried.decline is not None or tried.setup["status"] != "succeeded":
        return Try(tried.setup, decline=tried.decline)
    return Try(tried.setup, _begin(turn, session, method_id=method["id"]))


def _nothing_due(turn: Turn, session: Json) -> bool:
    """Whether the first invoice is paid without the card: it is free, or the customer's balance covers it."""
    return bool(session["amount_total"] + customer_of(turn, session)["balance"] <= 0)


def _unpaid(turn: Turn, session: Json) -> Json | None:
    """The subscription of earlier tries, as long as it can be paid."""
    known = turn.store.objects.hidden(session["id"]).get("subscription")
    found = None if known is None else turn.find("subscription", known)
    return found if found is not None and found["status"] == subscriptions.INCOMPLETE else None


def _begin(turn: Turn, session: Json, *, method_id: str | None) -> Json:
    given = dict(turn.store.objects.hidden(session["id"]).get("subscription_data", {}))
    items = [
        {"price": line["price"]["id"], "quantity": line["quantity"], "metadata": line["metadata"], "sold_already": True}
        for line in turn.store.objects.line_items(session["id"])
    ]
    wanted = {**given, "items": items, "default_payment_method": method_id}
    subscription = begin(turn, customer_of(turn, session)["id"], wanted)
    turn.store.objects.hide(session["id"], subscription=subscription["id"])
    return subscription


def _prepared(turn: Turn, session: Json, subscription: Json, method: Json) -> Json:
    """The intent to be paid with the card, which the subscription will be charged by from now on."""
    invoice = turn.find("invoice", subscription["latest_invoice"])
    standing.prefer(turn, subscription, method["id"])
    intent = invoicing.intent_of(turn, invoice)
    turn.store.objects.hide(intent["id"], session=session["id"])
    return intent


def _setup_of(turn: Turn, session: Json) -> Json:
    known = turn.store.objects.hidden(session["id"]).get("setup_intent")
    if known is not None:
        return turn.find("setup_intent", known)
    setup = setups.create_setup(turn, {"customer": customer_of(turn, session)["id"]}, automatic=False)
    turn.store.objects.hide(session["id"], setup_intent=setup["id"])
    turn.store.objects.hide(setup["id"], session=session["id"])
    return setup
