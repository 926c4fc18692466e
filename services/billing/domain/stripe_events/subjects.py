"""Whom an event is about: the ids of Stripe's objects, and of our payment, by which it is found again."""

from collections.abc import Callable
from dataclasses import fields as fields_of
from typing import Any

from services.billing.domain.payment import PREFIX
from services.billing.domain.stripe_events.event import StripeEvent
from services.billing.domain.stripe_events.fields import Fields, inside
from services.billing.domain.stripe_events.payment_shapes import (
    charge_facts,
    dispute_facts,
    intent_facts,
    refund_facts,
    session_facts,
)
from services.billing.domain.stripe_events.subscription_shapes import (
    invoice_facts,
    invoice_payment_facts,
    subscription_facts,
)
from shared.ids import decode

MOST = 20
"""Ids that are kept of one event."""

_FACTS: dict[str, Callable[[Fields], Any]] = {
    "charge": charge_facts,
    "checkout.session": session_facts,
    "dispute": dispute_facts,
    "invoice": invoice_facts,
    "invoice_payment": invoice_payment_facts,
    "payment_intent": intent_facts,
    "refund": refund_facts,
    "subscription": subscription_facts,
}


def subjects_of(event: StripeEvent) -> tuple[str, ...]:
    """Ids of the event's object, of our payment that its metadata names, and of the objects that it names, in this
    order, once each; at most MOST. A payment that was declined is known to Stripe by objects that are not known here.
    """
    kind = event.subject.get("object")
    read = _FACTS.get(kind) if isinstance(kind, str) else None
    named = [] if read is None else _ids_in(read(event.subject))
    own = [] if event.object_id is None else [event.object_id]
    return tuple(dict.fromkeys([*own, *_our_payment(event.subject), *named]))[:MOST]


def _our_payment(subject: Fields) -> list[str]:
    named = inside(subject, "metadata", "payment_id")
    return [named] if isinstance(named, str) and decode(PREFIX, named) is not None else []


def _ids_in(facts: Any) -> list[str]:
    """The values of fields named `id`, `..._id` and `..._ids`."""
    found: list[str] = []
    for field in fields_of(facts):
        value = getattr(facts, field.name)
        if field.name == "id" or field.name.endswith("_id"):
            found += [value] if value else []
        elif field.name.endswith("_ids"):
            found += value or ()
    return found
