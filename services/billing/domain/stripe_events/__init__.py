"""Stripe's events, from JSON to commands. The only package that knows the names of an event's fields.

| module | holds |
|---|---|
| `event` | the envelope of every API version, and what is no event |
| `commands` | what each type asks billing to do |
| `payment_shapes`, `subscription_shapes` | what an object names, in its shapes of 2016 to 2026 |
| `subjects` | the ids by which an event is found again |
| `fields` | reading what somebody else shaped, without ever raising |

An event only says where to look: its object is fetched anew, and the present state is what counts.
Source: docs.stripe.com/api/events/object.
"""

from services.billing.domain.stripe_events.commands import (
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
    command_of,
)
from services.billing.domain.stripe_events.event import NotAnEvent, StripeEvent, read_event
from services.billing.domain.stripe_events.subjects import subjects_of

__all__ = [
    "ApplyCharge",
    "ApplyCustomer",
    "ApplyDispute",
    "ApplyIntent",
    "ApplyInvoice",
    "ApplyPayout",
    "ApplyRefund",
    "ApplySession",
    "ApplySubscription",
    "Command",
    "Ignore",
    "NotAnEvent",
    "StripeEvent",
    "command_of",
    "read_event",
    "subjects_of",
]
