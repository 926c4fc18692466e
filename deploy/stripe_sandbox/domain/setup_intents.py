"""The setup intent and its states, as one table: a card saved without taking money.

    requires_payment_method -> requires_confirmation -> (requires_action) -> succeeded
    a refusal leads back to requires_payment_method; anything unfinished may be canceled

Every change returns a new setup intent; one that the state does not allow raises
`setup_intent_unexpected_state`.
"""

from typing import Final

from deploy.stripe_sandbox.domain.cards import Decline, decline_fields
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.payment_intents import automatic_methods
from deploy.stripe_sandbox.domain.values import Json

REQUIRES_PAYMENT_METHOD: Final = "requires_payment_method"
REQUIRES_CONFIRMATION: Final = "requires_confirmation"
REQUIRES_ACTION: Final = "requires_action"
SUCCEEDED: Final = "succeeded"
CANCELED: Final = "canceled"

OPEN: Final = frozenset({REQUIRES_PAYMENT_METHOD, REQUIRES_CONFIRMATION, REQUIRES_ACTION})

OFF_SESSION: Final = "off_session"

_PLAIN = ("allowed_payment_method_types", "customer", "description", "payment_method", "usage")


def new_setup(setup_id: str, *, secret: str, given: Json, automatic: bool, now: int) -> Json:
    """A setup intent as created; `given` are the caller's parameters."""
    setup: Json = {
        "id": setup_id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": automatic_methods(given) if automatic else None,
        "cancellation_reason": None,
        "client_secret": f"{setup_id}_secret_{secret}",
        "created": now,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "mandate": None,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": REQUIRES_PAYMENT_METHOD,
        "usage": OFF_SESSION,
    }
    return _with(setup, given)


def changed_setup(setup: Json, given: Json) -> Json:
    if setup["status"] not in OPEN and set(given) - {"metadata", "description"}:
        raise unexpected_state(setup, "update")
    return _with(setup, given)


def asked_to_act(setup: Json, *, method_id: str, action: Json) -> Json:
    """The bank wants to see the customer."""
    check_confirmable(setup)
    return {
        **setup,
        "last_setup_error": None,
        "next_action": action,
        "payment_method": method_id,
        "status": REQUIRES_ACTION,
    }


def succeeded(setup: Json, *, method_id: str) -> Json:
    check_confirmable(setup)
    return {
        **setup,
        "last_setup_error": None,
        "next_action": None,
        "payment_method": method_id,
        "status": SUCCEEDED,
    }


def refused(setup: Json, *, method: Json, decline: Decline) -> Json:
    """A refused attempt: the method is let go of, the reason kept."""
    check_confirmable(setup)
    return {
        **setup,
        "last_setup_error": {**decline_fields(decline), "payment_method": method},
        "next_action": None,
        "payment_method": None,
        "status": REQUIRES_PAYMENT_METHOD,
    }


def canceled(setup: Json, *, reason: str | None) -> Json:
    if setup["status"] not in OPEN:
        raise unexpected_state(setup, "cancel")
    return {**setup, "cancellation_reason": reason, "next_action": None, "status": CANCELED}


def check_confirmable(setup: Json) -> None:
    if setup["status"] not in OPEN:
        raise unexpected_state(setup, "confirm")


def unexpected_state(setup: Json, verb: str) -> StripeError:
    status = setup["status"]
    if verb == "confirm" and status == SUCCEEDED:
        message = "You cannot confirm this SetupIntent because it has already succeeded."
    elif verb == "cancel":
        message = (
            f"You cannot cancel this SetupIntent because it has a status of {status}. Only a SetupIntent with one "
            "of the following statuses may be canceled: requires_payment_method, requires_confirmation, "
            "requires_action."
        )
    else:
        past = {"confirm": "confirmed", "update": "updated"}[verb]
        message = f"This SetupIntent could not be {past} because it has a status of {status}."
    return StripeError(message, code="setup_intent_unexpected_state")


def _with(setup: Json, given: Json) -> Json:
    after = {**setup, **{name: given[name] for name in _PLAIN if name in given}}
    after["metadata"] = merged(setup["metadata"], given.get("metadata"))
    if after["status"] in (REQUIRES_PAYMENT_METHOD, REQUIRES_CONFIRMATION):
        after["status"] = REQUIRES_CONFIRMATION if after["payment_method"] else REQUIRES_PAYMENT_METHOD
    return after
