"""Whatever JSON comes signed, reading it gives an event and a command, or says that it is none."""

import json
import re
from dataclasses import astuple
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.stripe_events import (
    ApplyInvoice,
    ApplySubscription,
    Ignore,
    NotAnEvent,
    command_of,
    read_event,
    subjects_of,
)
from tests.support import stripe_events as shapes

_TYPES = st.sampled_from(
    (
        *("checkout.session.completed", "payment_intent.succeeded", "charge.refunded", "charge.refund.updated"),
        *("charge.dispute.closed", "refund.failed", "customer.deleted", "customer.subscription.updated"),
        *(
            "invoice.paid",
            "invoice_payment.paid",
            "payment_method.detached",
            "payout.paid",
            "balance.available",
            "of.some.new.type",
            "ping",
        ),
    )
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
_WHOLE = st.sampled_from(
    [
        make(world)
        for world in shapes.WORLDS
        for make in (
            *(shapes.charge, shapes.intent, shapes.dispute, shapes.invoice, shapes.subscription),
            *(lambda _: shapes.refund(), lambda _: shapes.invoice_payment()),
        )
    ]
)


def _read(body: bytes) -> None:
    try:
        event = read_event(body)
    except NotAnEvent:
        return
    command = command_of(event)
    if not isinstance(command, Ignore | ApplyInvoice | ApplySubscription):
        about, *_ = astuple(command)
        assert re.fullmatch(r"[a-z0-9]+_[A-Za-z0-9_]+", about), "fit for a path"
    assert all(isinstance(about, str) and about.isascii() for about in subjects_of(event))


@given(_JSON)
def test_any_json_is_an_event_or_not(value: Any) -> None:
    _read(json.dumps(value).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_not(body: bytes) -> None:
    _read(body)


@given(_TYPES, st.dictionaries(st.sampled_from(sorted(shapes.envelope("x", {}))), _JSON, max_size=2), _JSON)
def test_any_envelope_around_any_object_is_read(kind: str, changes: dict[str, Any], about: Any) -> None:
    _read(json.dumps({**shapes.envelope(kind, about), **changes}).encode())


@given(_TYPES, _WHOLE, st.data())
def test_any_object_with_any_field_changed_is_read(kind: str, about: dict[str, Any], data: st.DataObject) -> None:
    about = json.loads(json.dumps(about))
    for _ in range(data.draw(st.integers(0, 3))):
        _change_one(about, data)
    _read(json.dumps(shapes.envelope(kind, about)).encode())


def _change_one(about: Any, data: st.DataObject) -> None:
    """Put anything in the place of something, at any depth."""
    while True:
        names = sorted(about) if isinstance(about, dict) else list(range(len(about)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        if not isinstance(about[name], dict | list) or data.draw(st.booleans()):
            about[name] = data.draw(_JSON)
            return
        about = about[name]
