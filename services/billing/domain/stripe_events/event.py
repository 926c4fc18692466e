"""The envelope of Stripe's events, whatever their API version: one shape since 2016."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from services.billing.domain.stripe_events.fields import Fields, fields, path_id

_EVENT_ID = re.compile(r"evt_[A-Za-z0-9_]{1,250}")
_TYPE = re.compile(r"[a-z0-9_]{1,64}(\.[a-z0-9_]{1,64}){0,7}")
_WORD = re.compile(r"[A-Za-z0-9_.\-]{1,128}")


class NotAnEvent(ValueError):
    """Signed, but no (snapshot) event of Stripe's: a list, a thin event, broken JSON, a field of another type."""


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """An event and, in `subject`, the object that it is about as it was then, in `previous` what of it was otherwise
    before (personal data both: for no log). `account` is a connected account's. `object_id` is fit for a path of
    Stripe's API."""

    id: str
    type: str
    api_version: str | None
    livemode: bool
    account: str | None
    object_id: str | None
    subject: Fields = field(repr=False, compare=False)
    previous: Fields = field(default_factory=dict, repr=False, compare=False)


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
        object_id=path_id(subject),
        subject=subject,
        previous=fields(_object(event["data"]).get("previous_attributes")),
    )


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
