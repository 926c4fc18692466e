"""Reading Stripe's events, of every API version."""

import json
from typing import Any

import pytest

from services.billing.domain.stripe_events import (
    ApplyIntent,
    ApplySession,
    Ignore,
    NotAnEvent,
    command_of,
    read_event,
)


def _body(**changes: Any) -> bytes:
    event = {
        "id": "evt_1ABC",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "livemode": False,
        "type": "checkout.session.completed",
        "data": {"object": {"id": "cs_test_a1", "object": "checkout.session"}},
    }
    return json.dumps(event | changes).encode()


def test_event_is_read() -> None:
    event = read_event(_body())
    assert (event.id, event.type, event.object_id) == ("evt_1ABC", "checkout.session.completed", "cs_test_a1")
    assert (event.livemode, event.account, event.api_version) == (False, None, "2026-10-28.endive")


@pytest.mark.parametrize("version", ["2016-07-06", "2020-03-02", "2023-10-16", "2026-04-22.dahlia", None])
def test_every_api_version_is_taken(version: str | None) -> None:
    assert read_event(_body(api_version=version)).api_version == version


@pytest.mark.parametrize(
    ("kind", "about", "command"),
    [
        ("checkout.session.completed", "cs_1", ApplySession("cs_1")),
        ("checkout.session.expired", "cs_1", ApplySession("cs_1")),
        ("checkout.session.async_payment_succeeded", "cs_1", ApplySession("cs_1")),
        ("checkout.session.async_payment_failed", "cs_1", ApplySession("cs_1")),
        ("payment_intent.succeeded", "pi_1", ApplyIntent("pi_1")),
        ("payment_intent.payment_failed", "pi_1", ApplyIntent("pi_1")),
        ("payment_intent.canceled", "pi_1", ApplyIntent("pi_1")),
        ("payment_intent.requires_action", "pi_1", ApplyIntent("pi_1")),
    ],
)
def test_events_of_payments_ask_for_their_object(kind: str, about: str, command: object) -> None:
    assert command_of(read_event(_body(type=kind, data={"object": {"id": about}}))) == command


@pytest.mark.parametrize("kind", ["customer.created", "invoice.paid", "charge.refunded", "of.some.new.type"])
def test_other_types_are_ignored_with_a_reason(kind: str) -> None:
    command = command_of(read_event(_body(type=kind)))
    assert isinstance(command, Ignore)
    assert command.reason


def test_object_without_a_usable_id_is_ignored() -> None:
    for about in ({}, {"id": None}, {"id": 5}, {"id": "../../v1/accounts"}, {"id": "cs_1?expand[]=x"}, {"id": "x"}):
        assert isinstance(command_of(read_event(_body(data={"object": about}))), Ignore)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"5",
        b"\xff",
        b'{"a": NaN}',
        b"[" * 200_000,
        b"9" * 10_000,
        _body(object="v2.core.event"),
        _body(id=""),
        _body(id="evt_ü"),
        _body(id="evt_1\n"),
        _body(id=["evt_1"]),
        _body(type="x"),
        _body(type="a" * 999 + ".b"),
        _body(livemode=None),
        _body(livemode=1),
        _body(account=""),
        _body(api_version=5),
        _body(data=None),
        _body(data={}),
        _body(data={"object": []}),
    ],
)
def test_what_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnEvent):
        read_event(body)
