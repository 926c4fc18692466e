"""The bank's page for 3-D Secure: what it shows, and what its two buttons do to the intent that waits."""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain import authentication, checkout_sessions
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import checkout_page, invoicing, payments, setups
from deploy.stripe_sandbox.use_cases.checkout import page_address
from deploy.stripe_sandbox.use_cases.turn import Turn

KINDS = ("payment_intent", "setup_intent")


@dataclass(frozen=True)
class Visit:
    """An intent that was or is to be authenticated, and the checkout session that it belongs to."""

    intent: Json
    session: Json | None

    @property
    def waits(self) -> bool:
        return bool(self.intent["status"] == "requires_action")


def visit(turn: Turn, intent_id: str) -> Visit | None:
    """None for an id that names no intent."""
    for kind in KINDS:
        intent = turn.store.objects.get(kind, intent_id)
        if intent is not None:
            return Visit(intent, _session_of(turn, kind, intent_id))
    return None


def _session_of(turn: Turn, kind: str, intent_id: str) -> Json | None:
    """That names the intent, or that sells the subscription which the intent pays for."""
    known: str | None = turn.store.objects.hidden(intent_id).get("session")
    if known is not None:
        return turn.find("checkout.session", known)
    found = turn.store.objects.with_value("checkout.session", kind, intent_id)
    return found[0] if found else None


def leads_to(turn: Turn, found: Visit) -> str | None:
    """The address that the page's answer may send the browser to."""
    if found.session is not None:
        return str(found.session["success_url"])
    address: str | None = turn.store.objects.hidden(found.intent["id"]).get("return_url")
    return address


def answer(turn: Turn, found: Visit, outcome: str) -> str | None:
    """Ends the wait and answers where the browser goes; None where nobody said.

    Asked again, it changes nothing and leads to the same place.
    """
    if found.session is not None:
        return _answer_session(turn, found, found.session, outcome)
    intent = found.intent
    if found.waits:
        intent = _answer_intent(turn, intent, outcome)
    address = turn.store.objects.hidden(intent["id"]).get("return_url")
    return None if address is None else authentication.return_address(address, intent)


def _answer_session(turn: Turn, found: Visit, session: Json, outcome: str) -> str:
    if found.waits:
        method = turn.find("payment_method", found.intent["payment_method"])
        result = checkout_page.authenticated(turn, session, found.intent, method, outcome)
        if isinstance(result, checkout_page.Done):
            return result.address
    elif session["status"] == "complete":
        return checkout_sessions.return_address(session["success_url"], session["id"])
    return page_address(turn, session["id"])


def _answer_intent(turn: Turn, intent: Json, outcome: str) -> Json:
    method = turn.find("payment_method", intent["payment_method"])
    if intent["object"] == "setup_intent":
        return setups.authenticated(turn, intent, method, outcome).setup
    if outcome == authentication.FAIL:
        attempt = payments.authentication_failed(turn, intent, method)
    else:
        attempt = payments.charge(turn, intent, method, authenticated=True)
    invoicing.follow(turn, attempt)
    return payments.booked(turn, attempt).intent
