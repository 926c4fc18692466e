"""The states of payment intents and checkout sessions, expiry, retries and signatures."""

import pytest
import stripe

from deploy.stripe_sandbox.domain import (
    cards,
    checkout_sessions,
    errors,
    expansion,
    payment_intents,
    retries,
    signing,
)
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json

NOW = 1_800_000_000
ALL = (
    payment_intents.REQUIRES_PAYMENT_METHOD,
    payment_intents.REQUIRES_CONFIRMATION,
    payment_intents.REQUIRES_ACTION,
    payment_intents.PROCESSING,
    payment_intents.REQUIRES_CAPTURE,
    payment_intents.SUCCEEDED,
    payment_intents.CANCELED,
)


def intent_in(status: str) -> Json:
    intent = payment_intents.new_intent(
        "pi_1", secret="s", amount_minor=500, currency="usd", given={}, automatic=True, now=NOW
    )
    return {**intent, "status": status}


@pytest.mark.parametrize("status", ALL)
def test_only_an_unfinished_intent_is_paid_or_declined(status: str) -> None:
    intent = intent_in(status)
    if status in payment_intents.PAYABLE:
        paid = payment_intents.paid(intent, charge_id="ch_1", method_id="pm_1")
        assert (paid["status"], paid["amount_received"]) == ("succeeded", 500)
        refused = payment_intents.declined(intent, charge_id="ch_1", method={}, decline=cards.GENERIC)
        assert (refused["status"], refused["amount_received"]) == ("requires_payment_method", 0)
    else:
        with pytest.raises(StripeError):
            payment_intents.paid(intent, charge_id="ch_1", method_id="pm_1")
        with pytest.raises(StripeError):
            payment_intents.declined(intent, charge_id="ch_1", method={}, decline=cards.GENERIC)


@pytest.mark.parametrize("status", ALL)
def test_only_an_intent_that_is_not_over_is_canceled(status: str) -> None:
    if status in payment_intents.CANCELABLE:
        assert payment_intents.canceled(intent_in(status), reason=None, now=NOW)["canceled_at"] == NOW
    else:
        with pytest.raises(StripeError, match=f"status of {status}"):
            payment_intents.canceled(intent_in(status), reason=None, now=NOW)


def test_method_moves_an_intent_to_confirmation() -> None:
    after = payment_intents.changed_intent(intent_in("requires_payment_method"), {"payment_method": "pm_1"})
    assert after["status"] == "requires_confirmation"


def test_finished_intent_keeps_its_amount_but_takes_metadata() -> None:
    done = intent_in("succeeded")
    assert payment_intents.changed_intent(done, {"metadata": {"a": "b"}})["metadata"] == {"a": "b"}
    with pytest.raises(StripeError):
        payment_intents.changed_intent(done, {"amount": 1})


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(None, NOW + 86400), (NOW + 1800, NOW + 1800), (NOW + 86400, NOW + 86400)],
)
def test_session_lives_from_half_an_hour_to_a_day(asked: int | None, expected: int) -> None:
    assert checkout_sessions.expiry_of(asked, now=NOW) == expected


@pytest.mark.parametrize("asked", [NOW, NOW + 1799, NOW + 86401])
def test_session_of_another_length_is_refused(asked: int) -> None:
    with pytest.raises(StripeError) as refused:
        checkout_sessions.expiry_of(asked, now=NOW)
    assert refused.value.param == "expires_at"


def test_success_address_bears_the_sessions_id() -> None:
    found = checkout_sessions.return_address("http://x/?a={CHECKOUT_SESSION_ID}&b=1", "cs_1")
    assert found == "http://x/?a=cs_1&b=1"


def test_retries_slow_down_and_end_after_three_days() -> None:
    waits = [retries.next_attempt_at(attempts=count, first_at=0.0, now=0.0) for count in (1, 2, 3, 6, 7, 99)]
    assert waits == [1.0, 2.0, 5.0, 30.0, 30.0, 30.0]
    assert retries.next_attempt_at(attempts=9, first_at=0.0, now=3 * 86400.0) is None


def test_signature_is_the_one_that_the_sdk_verifies() -> None:
    body = '{"id": "evt_1", "object": "event", "naïve": "ü"}'.encode()
    header = signing.signature_header(body, secrets=("whsec_x",), now=NOW)
    assert stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_x", tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body.decode(), header, "whsec_y", tolerance=None)


def test_while_secrets_change_either_one_verifies() -> None:
    header = signing.signature_header(b"{}", secrets=("whsec_old", "whsec_new"), now=NOW)
    for secret in ("whsec_old", "whsec_new"):
        assert stripe.WebhookSignature.verify_header("{}", header, secret, tolerance=None)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header("{}", header, "whsec_other", tolerance=None)


def test_refused_keys_are_not_echoed() -> None:
    assert errors.masked("sk_live_abcdefgh1234") == "sk_live_********1234"
    assert errors.masked("abc") == "***"
    assert errors.masked("sk_live_1234") == "************"


def test_expansion_walks_references_and_leaves_the_original() -> None:
    intent: Json = {"object": "payment_intent", "latest_charge": "ch_1", "customer": None}
    charge: Json = {"object": "charge", "id": "ch_1", "balance_transaction": None}
    session: Json = {"object": "checkout.session", "payment_intent": "pi_1", "amount_total": 5}
    known = {("payment_intent", "pi_1"): intent, ("charge", "ch_1"): charge}

    def expanded(*paths: str) -> Json:
        return expansion.expand(
            session, list(paths), find=lambda kind, name: known.get((kind, name)), include=lambda body, field: field
        )

    found = expanded("payment_intent.latest_charge", "payment_intent.customer", "line_items")
    assert found["payment_intent"]["latest_charge"]["id"] == "ch_1"
    assert found["line_items"] == "line_items"
    assert session["payment_intent"] == "pi_1"
    for path in ("amount_total", "amount_total.x", "nothing", "payment_intent.amount"):
        with pytest.raises(StripeError):
            expanded(path)
