"""What the contract finds in answers and webhooks, and lets pass."""

import json
from typing import Any

import pytest

from tests.support.stripe_contract import the_contract

REFUND: dict[str, Any] = {
    "id": "re_1",
    "object": "refund",
    "amount": 100,
    "balance_transaction": None,
    "charge": "ch_1",
    "created": 1_790_000_000,
    "currency": "usd",
    "metadata": {"why": "asked"},
    "payment_intent": "pi_1",
    "reason": "requested_by_customer",
    "status": "succeeded",
}
TRANSACTION: dict[str, Any] = {
    "id": "txn_1",
    "object": "balance_transaction",
    "amount": -100,
    "available_on": 1_790_000_000,
    "balance_type": "payments",
    "created": 1_790_000_000,
    "currency": "usd",
    "description": None,
    "exchange_rate": None,
    "fee": 0,
    "fee_details": [{"amount": 0, "application": None, "currency": "usd", "description": None, "type": "stripe_fee"}],
    "net": -100,
    "reporting_category": "refund",
    "source": "re_1",
    "status": "available",
    "type": "refund",
}


def refund_told(**changed: Any) -> list[str]:
    body = json.dumps({**REFUND, **changed}).encode()
    return the_contract().answer("GET", "/v1/refunds/re_1", 200, body)


def an_event(about: dict[str, Any], **more: Any) -> bytes:
    return json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "api_version": the_contract().description.version,
            "created": 1_790_000_000,
            "data": {"object": about},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": "refund.updated",
            **more,
        }
    ).encode()


@pytest.mark.parametrize(
    "changed",
    [{}, {"balance_transaction": TRANSACTION}, {"balance_transaction": "txn_1"}, {"failure_reason": None}],
)
def test_a_right_answer_passes_with_its_references_expanded_or_not(changed: dict[str, Any]) -> None:
    assert refund_told(**changed) == []


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"total": 1}, "total: unknown"),
        ({"amount": "100"}, "amount: '100' is no integer"),
        ({"amount": None}, "amount: None is no integer"),
        ({"amount": True}, "amount: True is no integer"),
        ({"object": "payback"}, "object: 'payback' is none of ['refund']"),
        ({"metadata": {"why": 1}}, "metadata.why: 1 is no string"),
        ({"charge": {"object": "refund"}}, "charge"),
        ({"balance_transaction": {**TRANSACTION, "type": "gift"}}, "balance_transaction.type: 'gift' is none of"),
        ({"balance_transaction": {**TRANSACTION, "fee_details": [{}]}}, "fee_details[0].amount: missing"),
    ],
)
def test_a_wrong_answer_is_found(changed: dict[str, Any], complaint: str) -> None:
    assert complaint in "\n".join(refund_told(**changed))


def test_a_field_that_is_always_there_is_missed() -> None:
    lacking = {name: value for name, value in REFUND.items() if name != "currency"}
    found = the_contract().answer("GET", "/v1/refunds/re_1", 200, json.dumps(lacking).encode())
    assert found == ["200 to GET /v1/refunds/re_1: currency: missing"]


def test_a_page_of_a_list_is_checked_with_its_elements() -> None:
    page = {"object": "list", "url": "/v1/refunds", "has_more": False, "data": [REFUND, {**REFUND, "amount": 0.5}]}
    found = the_contract().answer("GET", "/v1/refunds", 200, json.dumps(page).encode())
    assert found == ["200 to GET /v1/refunds: data[1].amount: 0.5 is no integer"]


def test_a_deleted_customer_needs_only_to_say_so() -> None:
    gone = {"id": "cus_1", "object": "customer", "deleted": True}
    assert the_contract().answer("DELETE", "/v1/customers/cus_1", 200, json.dumps(gone).encode()) == []
    del gone["deleted"]
    assert the_contract().answer("GET", "/v1/customers/cus_1", 200, json.dumps(gone).encode())


@pytest.mark.parametrize(
    ("error", "right"),
    [
        ({"type": "card_error", "message": "No.", "code": "card_declined", "decline_code": "generic_decline"}, True),
        ({"type": "invalid_request_error", "message": "No.", "param": "amount"}, True),
        ({"type": "rate_limit_error", "message": "Later."}, False),
        ({"type": "api_error"}, False),
        ({"type": "api_error", "message": "Oh.", "detail": "more"}, False),
        ("no", False),
    ],
)
def test_an_error_has_stripes_shape(error: object, right: bool) -> None:
    found = the_contract().answer("POST", "/v1/refunds", 400, json.dumps({"error": error}).encode())
    assert (found == []) is right


def test_an_answer_that_is_no_json_is_found() -> None:
    assert the_contract().answer("GET", "/v1/balance", 502, b"<html>") == ["502 to GET /v1/balance: no JSON"]


def test_an_events_object_is_checked_by_its_own_name() -> None:
    assert the_contract().event(an_event(REFUND)) == []
    assert the_contract().event(an_event({**REFUND, "amount": "1"})) == [
        "webhook refund.updated: data.object.amount: '1' is no integer"
    ]
    assert "is no object of Stripe's" in the_contract().event(an_event({"object": "gift"}))[0]


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"type": "refund.lost"}, "type: 'refund.lost' is none of"),
        ({"api_version": None}, "api_version: None is no string"),
        ({"api_version": "2020-03-02", "created": "now"}, "created: 'now' is no integer"),
        ({"data": {"object": REFUND, "previous_attributes": {"colour": 1}}}, "previous_attributes.colour: unknown"),
    ],
)
def test_a_wrong_event_is_found(changed: dict[str, Any], complaint: str) -> None:
    assert complaint in "\n".join(the_contract().event(an_event(REFUND, **changed)))


def test_an_event_of_another_api_version_is_asked_only_what_it_is() -> None:
    assert the_contract().event(an_event({**REFUND, "amount": "1"}, api_version="2020-03-02", request="req_1")) == []
