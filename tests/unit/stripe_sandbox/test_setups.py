"""The states of setup intents, and what 3-D Secure does to intents and addresses."""

from urllib.parse import parse_qs, urlsplit

import pytest

from deploy.stripe_sandbox.domain import (
    authentication,
    cards,
    checkout_sessions,
    delayed_charges,
    payment_intents,
    setup_intents,
)
from deploy.stripe_sandbox.domain.cards import Card
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json

NOW = 1_800_000_000
ALL = (*sorted(setup_intents.OPEN), "processing", setup_intents.SUCCEEDED, setup_intents.CANCELED)
ACTION = authentication.next_action("http://bank/page", "http://shop/back")


def setup_in(status: str) -> Json:
    return {**setup_intents.new_setup("seti_1", secret="s", given={}, automatic=True, now=NOW), "status": status}


def intent_in(status: str) -> Json:
    intent = payment_intents.new_intent(
        "pi_1", secret="s", amount_minor=500, currency="usd", given={}, automatic=True, now=NOW
    )
    return {**intent, "status": status}


def card_like(authentication_rule: str) -> Card:
    return Card("visa", "3155", 12, 2040, "FR", "credit", "f", cards.PAYS, authentication=authentication_rule)


@pytest.mark.parametrize("status", ALL)
def test_only_an_unfinished_setup_moves(status: str) -> None:
    setup = setup_in(status)
    moves = {
        "requires_action": lambda: setup_intents.asked_to_act(setup, method_id="pm_1", action=ACTION),
        "succeeded": lambda: setup_intents.succeeded(setup, method_id="pm_1"),
        "requires_payment_method": lambda: setup_intents.refused(setup, method={}, decline=cards.GENERIC),
        "canceled": lambda: setup_intents.canceled(setup, reason="abandoned"),
    }
    for becomes, move in moves.items():
        if status in setup_intents.OPEN:
            assert move()["status"] == becomes
        else:
            with pytest.raises(StripeError) as refused:
                move()
            assert refused.value.code == "setup_intent_unexpected_state"


def test_refused_setup_lets_go_of_its_method_and_keeps_the_reason() -> None:
    waiting = setup_intents.asked_to_act(setup_in("requires_confirmation"), method_id="pm_1", action=ACTION)
    assert (waiting["payment_method"], waiting["next_action"]) == ("pm_1", ACTION)
    after = setup_intents.refused(waiting, method={"id": "pm_1"}, decline=authentication.SETUP_FAILED)

    assert (after["payment_method"], after["next_action"]) == (None, None)
    assert after["last_setup_error"]["code"] == "setup_intent_authentication_failure"
    assert after["last_setup_error"]["type"] == "invalid_request_error"


def test_setup_with_a_method_waits_for_confirmation() -> None:
    after = setup_intents.changed_setup(setup_in("requires_payment_method"), {"payment_method": "pm_1"})
    assert after["status"] == "requires_confirmation"


def test_finished_setup_takes_metadata_only() -> None:
    done = setup_in("succeeded")
    assert setup_intents.changed_setup(done, {"metadata": {"a": "b"}})["metadata"] == {"a": "b"}
    with pytest.raises(StripeError):
        setup_intents.changed_setup(done, {"customer": "cus_1"})


@pytest.mark.parametrize("status", ["processing", "requires_capture", "succeeded", "canceled"])
def test_only_a_confirmable_payment_waits_for_the_customer(status: str) -> None:
    with pytest.raises(StripeError):
        payment_intents.asked_to_act(intent_in(status), method_id="pm_1", action=ACTION)
    with pytest.raises(StripeError):
        payment_intents.processing(intent_in(status), charge_id="ch_1", method_id="pm_1")


def test_changed_amount_takes_the_customers_question_back() -> None:
    waiting = payment_intents.asked_to_act(intent_in("requires_confirmation"), method_id="pm_1", action=ACTION)
    after = payment_intents.changed_intent(waiting, {"amount": 900})
    assert (after["status"], after["next_action"], after["amount"]) == ("requires_confirmation", None, 900)
    assert payment_intents.changed_intent(waiting, {"description": "x"})["status"] == "requires_action"


def test_failed_authentication_leaves_the_payment_without_a_charge() -> None:
    waiting = payment_intents.asked_to_act(intent_in("requires_confirmation"), method_id="pm_1", action=ACTION)
    assert waiting["status"] == "requires_action"
    after = payment_intents.declined(waiting, charge_id=None, method={}, decline=authentication.PAYMENT_FAILED)

    assert (after["status"], after["latest_charge"], after["next_action"]) == ("requires_payment_method", None, None)
    assert "charge" not in after["last_payment_error"]


@pytest.mark.parametrize(
    ("rule", "present", "setup", "off_session", "off_session_once_set_up"),
    [
        (cards.NEVER, False, False, False, False),
        (cards.UNLESS_SET_UP, True, True, True, False),
        (cards.NOT_OFF_SESSION, True, False, False, False),
        (cards.ALWAYS, True, True, True, True),
    ],
)
def test_bank_asks_as_the_card_says(
    rule: str, present: bool, setup: bool, off_session: bool, off_session_once_set_up: bool
) -> None:
    card = card_like(rule)
    assert cards.asks_when_present(card) is present
    assert cards.asks_on_setup(card) is setup
    assert cards.refuses_off_session(card, set_up=False) is off_session
    assert cards.refuses_off_session(card, set_up=True) is off_session_once_set_up


def test_action_without_an_address_is_for_stripes_scripts() -> None:
    assert authentication.next_action("http://bank/page", None)["type"] == "use_stripe_sdk"
    assert ACTION["redirect_to_url"] == {"return_url": "http://shop/back", "url": "http://bank/page"}


@pytest.mark.parametrize(("status", "told"), [("succeeded", "succeeded"), ("requires_payment_method", "failed")])
def test_return_address_keeps_its_own_query_and_tells_the_outcome(status: str, told: str) -> None:
    address = authentication.return_address("http://shop/back?a=1#here", intent_in(status))

    assert parse_qs(urlsplit(address).query) == {
        "a": ["1"],
        "payment_intent": ["pi_1"],
        "payment_intent_client_secret": ["pi_1_secret_s"],
        "redirect_status": [told],
    }
    assert address.endswith("#here")


def test_money_that_comes_later_is_taken_once_or_never() -> None:
    on_its_way = delayed_charges.pending({"paid": True, "status": "succeeded", "captured": True, "outcome": {}})
    assert (on_its_way["paid"], on_its_way["status"]) == (False, "pending")
    assert delayed_charges.arrived(on_its_way)["paid"] is True
    bounced = delayed_charges.bounced(on_its_way)
    assert (bounced["status"], bounced["amount_captured"], bounced["paid"]) == ("failed", 0, False)


def test_session_in_setup_mode_has_nothing_to_pay() -> None:
    session = checkout_sessions.new_session(
        "cs_1", given={}, customer=None, sale=None, url="http://x", expires_at=NOW + 1800, now=NOW
    )
    assert (session["mode"], session["amount_total"], session["payment_status"]) == (
        "setup",
        None,
        "no_payment_required",
    )
    done = checkout_sessions.completed(
        session, customer=None, cardholder="Ada", payment_status=checkout_sessions.NOTHING_DUE
    )
    assert not checkout_sessions.awaits_money(done)


def test_only_a_complete_unpaid_session_awaits_money() -> None:
    sale = checkout_sessions.Sale(500, "usd")
    session = checkout_sessions.new_session(
        "cs_1", given={}, customer=None, sale=sale, url="http://x", expires_at=NOW + 1800, now=NOW
    )
    assert not checkout_sessions.awaits_money(session)
    done = checkout_sessions.completed(session, customer=None, cardholder=None, payment_status="unpaid")
    paid = checkout_sessions.paid_later(done)
    assert (paid["payment_status"], checkout_sessions.awaits_money(paid)) == ("paid", False)
    with pytest.raises(AssertionError):
        checkout_sessions.paid_later(paid)
