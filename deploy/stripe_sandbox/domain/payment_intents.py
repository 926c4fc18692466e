"""The payment intent and its states, as one table.

    requires_payment_method -> requires_confirmation -> (requires_action) -> (processing) -> succeeded
    a decline leads back to requires_payment_method; anything unfinished may be canceled

Every change returns a new intent; a change that the state does not allow raises
`payment_intent_unexpected_state`.
"""

from typing import Final

from deploy.stripe_sandbox.domain.cards import Decline, decline_fields
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

REQUIRES_PAYMENT_METHOD: Final = "requires_payment_method"
REQUIRES_CONFIRMATION: Final = "requires_confirmation"
REQUIRES_ACTION: Final = "requires_action"
PROCESSING: Final = "processing"
REQUIRES_CAPTURE: Final = "requires_capture"
SUCCEEDED: Final = "succeeded"
CANCELED: Final = "canceled"

CONFIRMABLE: Final = frozenset({REQUIRES_PAYMENT_METHOD, REQUIRES_CONFIRMATION, REQUIRES_ACTION})
# An attempt may end well or badly from here.
PAYABLE: Final = CONFIRMABLE | {PROCESSING}
CANCELABLE: Final = CONFIRMABLE | {REQUIRES_CAPTURE, PROCESSING}

_PLAIN = (
    "allowed_payment_method_types",
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "amount",
    "currency",
    "customer",
    "payment_method",
)


def new_intent(
    intent_id: str,
    *,
    secret: str,
    amount_minor: int,
    currency: str,
    given: Json,
    automatic: bool,
    now: int,
) -> Json:
    """An intent as created; `given` are the caller's parameters beside amount and currency."""
    intent: Json = {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount_minor,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": automatic_methods(given) if automatic else None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": given.get("capture_method", "automatic_async"),
        "client_secret": f"{intent_id}_secret_{secret}",
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "created": now,
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_details": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": REQUIRES_PAYMENT_METHOD,
        "transfer_data": None,
        "transfer_group": None,
    }
    return _with(intent, given)


def changed_intent(intent: Json, given: Json) -> Json:
    """After an update; an intent that is over keeps its amount and method."""
    fixed = {"amount", "currency", "payment_method"} & set(given)
    if intent["status"] not in CONFIRMABLE and fixed:
        raise unexpected_state(intent, "update")
    if fixed and intent["status"] == REQUIRES_ACTION:
        # What the customer was to confirm is no longer what is asked.
        intent = {**intent, "next_action": None, "status": REQUIRES_CONFIRMATION}
    return _with(intent, given)


def asked_to_act(intent: Json, *, method_id: str, action: Json) -> Json:
    """The bank wants to see the customer before anything is charged."""
    _allow(intent, CONFIRMABLE, "confirm")
    return {
        **intent,
        "last_payment_error": None,
        "next_action": action,
        "payment_method": method_id,
        "status": REQUIRES_ACTION,
    }


def processing(intent: Json, *, charge_id: str, method_id: str) -> Json:
    """The money is on its way."""
    _allow(intent, CONFIRMABLE, "confirm")
    return {
        **intent,
        "last_payment_error": None,
        "latest_charge": charge_id,
        "next_action": None,
        "payment_method": method_id,
        "status": PROCESSING,
    }


def paid(intent: Json, *, charge_id: str, method_id: str) -> Json:
    _allow(intent, PAYABLE, "confirm")
    return {
        **intent,
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge_id,
        "next_action": None,
        "payment_method": method_id,
        "status": SUCCEEDED,
    }


def declined(intent: Json, *, charge_id: str | None, method: Json, decline: Decline) -> Json:
    """A refused attempt: the method is let go of, the reason kept. No charge where it failed before one."""
    _allow(intent, PAYABLE, "confirm")
    error = {**decline_fields(decline), "payment_method": method}
    return {
        **intent,
        "last_payment_error": error if charge_id is None else {**error, "charge": charge_id},
        "latest_charge": charge_id or intent["latest_charge"],
        "next_action": None,
        "payment_method": None,
        "status": REQUIRES_PAYMENT_METHOD,
    }


def canceled(intent: Json, *, reason: str | None, now: int) -> Json:
    _allow(intent, CANCELABLE, "cancel")
    return {
        **intent,
        "amount_capturable": 0,
        "canceled_at": now,
        "cancellation_reason": reason,
        "next_action": None,
        "status": CANCELED,
    }


def check_confirmable(intent: Json) -> None:
    _allow(intent, CONFIRMABLE, "confirm")


def unexpected_state(intent: Json, verb: str) -> StripeError:
    status = intent["status"]
    if verb == "confirm" and status == SUCCEEDED:
        message = (
            "You cannot confirm this PaymentIntent because it has already succeeded after being previously confirmed."
        )
    elif verb == "cancel":
        message = (
            f"You cannot cancel this PaymentIntent because it has a status of {status}. Only a "
            f"PaymentIntent with "
            "one of the following statuses may be canceled: requires_payment_method, requires_capture, "
            "requires_confirmation, requires_action, processing."
        )
    else:
        message = f"This PaymentIntent could not be {verb}{_PAST[verb]} because it has a status of {status}."
    return StripeError(message, code="payment_intent_unexpected_state")


_PAST = {"confirm": "ed", "update": "d"}


def _allow(intent: Json, states: frozenset[str], verb: str) -> None:
    if intent["status"] not in states:
        raise unexpected_state(intent, verb)


def _with(intent: Json, given: Json) -> Json:
    after = {**intent, **{name: given[name] for name in _PLAIN if name in given}}
    after["metadata"] = merged(intent["metadata"], given.get("metadata"))
    if after["status"] in (REQUIRES_PAYMENT_METHOD, REQUIRES_CONFIRMATION):
        after["status"] = REQUIRES_CONFIRMATION if after["payment_method"] else REQUIRES_PAYMENT_METHOD
    return after


def automatic_methods(given: Json) -> Json | None:
    """`automatic_payment_methods` as it is shown; on where nothing is said."""
    asked: Json = given.get("automatic_payment_methods", {"enabled": True})
    if not asked["enabled"]:
        return None
    return {"allow_redirects": asked.get("allow_redirects", "always"), "enabled": True}
