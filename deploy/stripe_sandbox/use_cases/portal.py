"""The billing portal: a session at an address of its own, and what a customer may do there."""

from deploy.stripe_sandbox.domain import cards, payment_methods, subscriptions
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods as methods
from deploy.stripe_sandbox.use_cases import setups, standing
from deploy.stripe_sandbox.use_cases.turn import Turn

_CONFIGURATION_NOTE = "portal_configuration"
# A session that nobody uses is over after an hour.
LASTS_SECONDS = 3600


def create_session(turn: Turn, customer: Json, *, return_url: str | None, locale: str | None) -> Json:
    session_id = turn.new_id("billing_portal.session")
    session: Json = {
        "id": session_id,
        "object": "billing_portal.session",
        "after_expiration": None,
        "configuration": _configuration(turn),
        "created": turn.now,
        "customer": customer["id"],
        "customer_account": None,
        "flow": None,
        "livemode": False,
        "locale": locale,
        "on_behalf_of": None,
        "return_url": return_url,
        "url": page_address(turn, session_id),
    }
    turn.store.objects.insert(session)
    turn.emit("billing_portal.session.created", session)
    return session


def page_address(turn: Turn, session_id: str) -> str:
    return f"{turn.public_url}/p/session/{session_id}"


def open_session(turn: Turn, session_id: str) -> Json | None:
    """None for a session that is not there, that is over, or whose customer is gone."""
    session = turn.store.objects.get("billing_portal.session", session_id)
    if session is None or session["created"] + LASTS_SECONDS <= turn.now:
        return None
    customer = turn.store.objects.get("customer", session["customer"])
    return None if customer is None or customer.get("deleted") else session


def subscriptions_of(turn: Turn, session: Json) -> list[Json]:
    """The living ones, the oldest first."""
    found = turn.store.objects.with_value("subscription", "customer", session["customer"])
    return [each for each in found if each["status"] not in subscriptions.ENDED]


def cancel_at_period_end(turn: Turn, session: Json, subscription_id: str, *, cancels: bool) -> None:
    """Plans the end or takes it back; nothing for a subscription of another customer."""
    for subscription in subscriptions_of(turn, session):
        if subscription["id"] == subscription_id:
            given = {"cancel_at_period_end": cancels}
            standing.change(turn, subscription, subscriptions.canceling(subscription, given, now=turn.now))


def change_card(turn: Turn, session: Json, details: CardDetails, *, cardholder: str | None) -> Decline | Json:
    """The setup intent of the new card, which becomes the default once it has succeeded; or why it was refused."""
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        return card
    billing = payment_methods.billing_details({"name": cardholder})
    method = methods.create_method(turn, card, billing=billing, cvc_checked=True)
    setup = setups.create_setup(turn, {"customer": session["customer"]}, automatic=False)
    turn.store.objects.hide(setup["id"], becomes_default=True)
    tried = setups.confirm(turn, setup, method, return_url=session["url"])
    return tried.decline or tried.setup


def _configuration(turn: Turn) -> str:
    """The id of the one configuration."""
    known = turn.store.note(_CONFIGURATION_NOTE)
    if known is None:
        known = turn.new_id("billing_portal.configuration")
        turn.store.set_note(_CONFIGURATION_NOTE, known)
    return known
