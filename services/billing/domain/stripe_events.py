"""Stripe's events, from JSON to commands. The only module that knows the names of an event's fields.

An event only says where to look: its object is fetched anew, and the present state is what counts, so that neither an
old nor a doctored field of an event moves money. Shapes of API versions from 2016 to 2026 are read.
Source: docs.stripe.com/api/events/object.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,250}")
_OBJECT_ID = re.compile(r"[a-z0-9]{1,20}_[A-Za-z0-9_]{1,230}")
_TYPE = re.compile(r"[a-z0-9_]{1,64}(\.[a-z0-9_]{1,64}){1,7}")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


class NotAnEvent(ValueError):
    """Signed, but no (snapshot) event of Stripe's: a list, a thin event, broken JSON, a field of another type."""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """What is known of an event without looking at what it is about. `account` is a connected account's."""

    id: str
    type: str
    api_version: str | None
    livemode: bool
    account: str | None
    object_id: str | None


@dataclass(frozen=True, slots=True)
class ApplySession:
    """Fetch this Checkout Session and apply its state."""

    session_id: str


@dataclass(frozen=True, slots=True)
class ApplyIntent:
    """Fetch the Checkout Session of this payment intent and apply its state."""

    intent_id: str


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is to be done, for the stated reason."""

    reason: str


Command = ApplySession | ApplyIntent | Ignore

_ABOUT_SESSIONS = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "checkout.session.async_payment_succeeded",
        "checkout.session.async_payment_failed",
    }
)
_ABOUT_INTENTS = frozenset(
    {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.canceled",
    }
)
_NOTHING_TO_DO = {
    "customer.created": "a customer of Stripe's changes nothing here",
    "payment_intent.created": "the payment is known since its checkout",
    "charge.succeeded": "the session's and the intent's events tell of it",
    "charge.failed": "the intent's event tells of it",
    "charge.updated": "the session's and the intent's events tell of it",
}


def read_event(body: bytes) -> StripeEvent:
    """The event in a verified body. Raises NotAnEvent."""
    event = _object(_decoded(body))
    if event.get("object") != "event":
        raise NotAnEvent("the body's `object` is not `event`")
    subject = _object(_object(event.get("data")).get("object"))
    livemode = event.get("livemode")
    if not isinstance(livemode, bool):
        raise NotAnEvent("`livemode` is missing")
    return StripeEvent(
        id=_text(event, "id", _EVENT_ID),
        type=_text(event, "type", _TYPE),
        api_version=_optional_text(event, "api_version", _WORD),
        livemode=livemode,
        account=_optional_text(event, "account", _WORD),
        object_id=_object_id(subject),
    )


def command_of(event: StripeEvent) -> Command:
    """What an event asks billing to do."""
    if event.type in _ABOUT_SESSIONS | _ABOUT_INTENTS:
        if event.object_id is None:
            return Ignore("the event names no object")
        return ApplySession(event.object_id) if event.type in _ABOUT_SESSIONS else ApplyIntent(event.object_id)
    return Ignore(_NOTHING_TO_DO.get(event.type, "events of this type are not acted on"))


def _decoded(body: bytes) -> object:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent("the body is no JSON") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise NotAnEvent("an object is missing where an event has one")
    return value


def _text(event: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise NotAnEvent(f"`{name}` is missing or is none of Stripe's")
    return value


def _optional_text(event: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str | None:
    return None if event.get(name) is None else _text(event, name, pattern)


def _object_id(subject: dict[str, Any]) -> str | None:
    value = subject.get("id")
    return value if isinstance(value, str) and _OBJECT_ID.fullmatch(value) else None
