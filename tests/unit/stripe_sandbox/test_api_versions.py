"""Events in the shapes of older API versions."""

import pytest

from deploy.stripe_sandbox.domain import api_versions, cards, charges, disputes, invoice_lines, refunds
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.values import API_VERSION, Json
from tests.unit.stripe_sandbox.test_subscription_states import PRICE, invoice, item, subscription

NOW = 1_800_000_000
EVENT: Json = {"id": "evt_1", "object": "event", "request": {"id": "req_1", "idempotency_key": None}}


def charge() -> Json:
    card = cards.ready_made("pm_card_visa", now=NOW, salt="s")
    assert card is not None
    intent = dict.fromkeys(
        ("customer", "description", "receipt_email", "shipping", "statement_descriptor", "statement_descriptor_suffix")
    )
    intent |= {"id": "pi_1", "amount": 500, "currency": "usd", "metadata": {}, "transfer_group": None}
    billing = {"email": None, "name": "Ada"}
    method = {"id": "pm_1", "billing_details": billing, "card": {"checks": {"cvc_check": "pass"}}}
    return charges.new_charge(
        "ch_1", intent=intent, method=method, card=card, decline=None, receipt_url="", authorization="1", now=NOW
    )


def refund() -> Json:
    return refunds.new_refund("re_1", charge=charge(), amount_minor=100, given={}, behaviour=cards.PAYS, now=NOW)


def shown(snapshot: Json, version: str, kept: Json | None = None) -> Json:
    event = {**EVENT, "data": {"object": snapshot}}
    body: Json = api_versions.rendered(event, kept or {}, version)["data"]["object"]
    return body


def test_charge_tells_its_refunds_and_an_intent_its_charges_before_november_2022() -> None:
    kept = {"charges": [{"charge": charge(), "refunds": [refund()], "dispute": "du_1"}]}
    intent = shown({"id": "pi_1", "object": "payment_intent"}, "2022-08-01", kept)
    inner = intent["charges"]["data"][0]

    assert (intent["charges"]["total_count"], intent["invoice"], inner["dispute"]) == (1, None, "du_1")
    assert [each["id"] for each in inner["refunds"]["data"]] == ["re_1"]
    assert "destination_details" not in inner["refunds"]["data"][0]
    for version in ("2022-11-15", "2025-09-30.clover", API_VERSION):
        assert "refunds" not in shown(charge(), version, {"refunds": [refund()]})


def test_refunded_charge_once_told_which_refunds_it_had_before() -> None:
    event = {**EVENT, "data": {"object": charge(), "previous_attributes": {"amount_refunded": 100}}}
    second = {**refund(), "id": "re_2"}
    older = api_versions.rendered(event, {"refunds": [second, refund()]}, "2020-03-02")
    before = older["data"]["previous_attributes"]["refunds"]
    assert ([each["id"] for each in before["data"]], before["total_count"]) == (["re_1"], 1)


def test_invoice_left_charges_and_intents_with_basil() -> None:
    assert "invoice" in shown(charge(), "2025-02-24.acacia")
    assert "invoice" not in shown(charge(), "2025-03-31.basil")


def test_dispute_of_2020_knows_nothing_of_cards() -> None:
    dispute = disputes.new_dispute("du_1", charge=charge(), complaint=Complaint(500, "fraudulent"), now=NOW)
    transaction = disputes.new_withdrawal("txn_1", dispute=dispute, available_on=NOW, now=NOW)
    dispute = disputes.with_transaction(dispute, transaction)

    assert "payment_method_details" not in shown(dispute, "2020-03-02")
    assert "enhanced_evidence" not in shown(dispute, "2020-03-02")["evidence"]
    assert shown(dispute, "2026-04-22.dahlia")["balance_transaction"] == "txn_1"
    assert shown(dispute, API_VERSION) == dispute


def test_cause_of_an_event_was_once_its_requests_id_alone() -> None:
    event = {**EVENT, "data": {"object": charge()}}
    assert api_versions.rendered(event, {}, "2016-07-06")["request"] == "req_1"
    assert api_versions.rendered(event, {}, "2017-05-25")["request"] == EVENT["request"]


@pytest.mark.parametrize(
    ("text", "good"),
    [(API_VERSION, True), ("2016-07-06", True), ("2027-01-01", False), ("2020-3-2", False), ("", False)],
)
def test_version_is_a_day_that_has_been(text: str, good: bool) -> None:
    assert api_versions.is_version(text) is good


def test_period_was_the_subscriptions_own_before_basil() -> None:
    begun = subscription("active")
    older = shown(begun, "2020-03-02")
    item = begun["items"]["data"][0]
    assert (older["current_period_end"], older["plan"]["id"]) == (item["current_period_end"], "price_1")
    assert "current_period_end" not in older["items"]["data"][0]
    moved = {"items": begun["items"], "latest_invoice": "in_1"}
    event = {**EVENT, "data": {"object": begun, "previous_attributes": moved}}
    before = api_versions.rendered(event, {}, "2025-02-24.acacia")["data"]["previous_attributes"]
    assert (before["current_period_end"], before["latest_invoice"]) == (item["current_period_end"], "in_1")
    assert shown(begun, "2025-03-31.basil") == begun


def test_invoice_named_its_subscription_intent_and_prices_before_basil() -> None:
    line = invoice_lines.period_line("il_1", item(), invoice_id="in_1", product_name="Pro")
    made = {**invoice(), "lines": {"object": "list", "data": [line], "has_more": False, "url": "/"}}
    older = shown(made, "2020-03-02", {"intent": "pi_1", "charge": "ch_1", "prices": {"price_1": PRICE}})
    assert (older["subscription"], older["payment_intent"], older["charge"], older["paid"]) == (
        *("sub_1", "pi_1"),
        *("ch_1", False),
    )
    assert (older["lines"]["data"][0]["price"]["id"], older["lines"]["data"][0]["type"]) == ("price_1", "subscription")
    assert "parent" not in older
    assert shown({"id": "pi_1", "object": "payment_intent"}, "2024-06-20", {"invoice": "in_1"})["invoice"] == "in_1"
