"""Reading Stripe's events, of every API version."""

import json
from typing import Any

import pytest

from services.billing.domain.stripe_events import (
    ApplyCharge,
    ApplyCustomer,
    ApplyDispute,
    ApplyIntent,
    ApplyInvoice,
    ApplyPayout,
    ApplyRefund,
    ApplySession,
    ApplySubscription,
    Ignore,
    NotAnEvent,
    command_of,
    read_event,
    subjects_of,
)
from services.billing.domain.stripe_events.subjects import MOST
from tests.support import stripe_events as shapes
from tests.support.stripe_events import WORLDS, World


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
    ("family", "kinds", "command"),
    [
        (
            "checkout.session",
            ("completed", "expired", "async_payment_succeeded", "async_payment_failed"),
            ApplySession("xx_1"),
        ),
        (
            "payment_intent",
            ("succeeded", "payment_failed", "canceled", "requires_action", "processing", "of_a_kind_to_come"),
            ApplyIntent("xx_1"),
        ),
        ("charge", ("succeeded", "updated", "refunded", "failed", "pending"), ApplyCharge("xx_1")),
        ("refund", ("created", "updated", "failed"), ApplyRefund("xx_1")),
        ("charge.refund", ("updated",), ApplyRefund("xx_1")),
        (
            "charge.dispute",
            ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated"),
            ApplyDispute("xx_1"),
        ),
        ("customer", ("created", "updated", "deleted"), ApplyCustomer("xx_1")),
        ("payout", ("created", "paid", "failed", "reconciliation_completed"), ApplyPayout("xx_1")),
    ],
)
def test_events_ask_for_their_object(family: str, kinds: tuple[str, ...], command: object) -> None:
    for kind in kinds:
        assert command_of(read_event(_body(type=f"{family}.{kind}", data={"object": {"id": "xx_1"}}))) == command, kind


@pytest.mark.parametrize(
    "kind",
    [
        *("payment_intent.created", "balance.available", "radar.early_fraud_warning.created"),
        *(
            "setup_intent.succeeded",
            "setup_intent.setup_failed",
            "customer.source.created",
            "customer.discount.deleted",
        ),
        *("of.some.new.type", "ping", "invoiceitem.created", "charges.of.another.kind"),
    ],
)
def test_other_types_are_ignored_with_a_reason(kind: str) -> None:
    command = command_of(read_event(_body(type=kind)))
    assert isinstance(command, Ignore)
    assert command.reason


@pytest.mark.parametrize("kind", ["charge.refund.updated", "refund.updated"])
def test_refunds_event_is_read_whether_it_holds_the_refund_or_its_charge(kind: str) -> None:
    def command(about: dict[str, Any]) -> object:
        return command_of(read_event(_body(type=kind, data={"object": about})))

    assert command(shapes.refund()) == ApplyRefund("re_1")
    assert command(shapes.charge("old")) == ApplyRefund("re_1")
    assert command(shapes.charge("new")) == ApplyCharge("ch_1")
    two = shapes.listed(shapes.refund(), shapes.refund(id="re_2"))
    assert command(shapes.charge("old", refunds=two)) == ApplyCharge("ch_1")


@pytest.mark.parametrize("world", WORLDS)
def test_invoices_and_subscriptions_come_as_values(world: World) -> None:
    for kind, about in (("invoice.paid", shapes.invoice(world)), ("invoice_payment.paid", shapes.invoice_payment())):
        command = command_of(read_event(json.dumps(shapes.envelope(kind, about, world=world)).encode()))
        assert isinstance(command, ApplyInvoice)
        assert command.invoice.id == about["id"]
    body = json.dumps(shapes.envelope("customer.subscription.deleted", shapes.subscription(world), world=world))
    command = command_of(read_event(body.encode()))
    assert isinstance(command, ApplySubscription)
    assert command.subscription.id == "sub_1"


OURS = "pay_01JAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.mark.parametrize(
    ("about", "subjects"),
    [
        (shapes.charge("old"), ("ch_1", "pi_1", "in_1", "cus_1", "txn_in", "re_1")),
        (shapes.charge("new"), ("ch_1", "pi_1", "cus_1", "txn_in")),
        (shapes.intent("old"), ("pi_1", "ch_1", "in_1")),
        (shapes.dispute("new"), ("du_1", "ch_1", "pi_1", "txn_gone")),
        (shapes.refund(), ("re_1", "ch_1", "pi_1", "txn_back")),
        (shapes.invoice("new"), ("in_1", "cus_1", "sub_1", "pi_1")),
        (shapes.subscription("new"), ("sub_1", "cus_1", "in_1")),
        ({"id": "cs_1", "object": "checkout.session", "payment_intent": "pi_1"}, ("cs_1", "pi_1")),
        ({"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": OURS}}, ("pi_1", OURS)),
        ({"id": "pi_1", "object": "payment_intent", "metadata": {"payment_id": "order 7"}}, ("pi_1",)),
        ({"id": "cus_1", "object": "customer", "default_source": "card_1"}, ("cus_1",)),
        ({"object": "balance"}, ()),
        ({"id": "x_1", "object": ["charge"]}, ("x_1",)),
    ],
)
def test_event_is_found_by_what_it_names(about: dict[str, Any], subjects: tuple[str, ...]) -> None:
    assert subjects_of(read_event(_body(type="a.b", data={"object": about}))) == subjects


def test_of_very_many_names_a_few_are_kept() -> None:
    many = shapes.listed(*(shapes.refund(id=f"re_{number}") for number in range(99)))
    event = read_event(_body(data={"object": shapes.charge("old", refunds=many)}))
    assert len(subjects_of(event)) == MOST


def test_what_an_event_is_about_is_not_in_its_repr() -> None:
    event = read_event(_body(data={"object": {"id": "cus_1", "email": "ada@marked.example"}}))
    assert "marked" not in repr(event)


def test_way_to_pay_asks_for_its_customer_now_or_until_just_now() -> None:
    def command(about: dict[str, Any], **previous: Any) -> object:
        data = {"object": about, "previous_attributes": previous}
        return command_of(read_event(_body(type="payment_method.detached", data=data)))

    assert command({"id": "pm_1", "customer": "cus_1"}) == ApplyCustomer("cus_1")
    assert command({"id": "pm_1", "customer": None}, customer={"id": "cus_2"}) == ApplyCustomer("cus_2")
    for odd in (None, "..", "cus_1/../x", ["cus_1"], {"id": "."}):
        assert isinstance(command({"id": "pm_1", "customer": odd}, customer=odd), Ignore)


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
        _body(type=""),
        _body(type="X"),
        _body(type="a..b"),
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
