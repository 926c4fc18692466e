"""What billing relies on, told to Stripe through billing's own client: the sandbox and Stripe answer alike."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.billing.clients.stripe import StripeRefused
from services.billing.clients.stripe.balance import balance_transaction, transactions_of
from services.billing.clients.stripe.charges import find_charge
from services.billing.clients.stripe.checkouts import NewCheckout, create_checkout, end_session, find_session
from services.billing.clients.stripe.disputes import find_dispute
from services.billing.clients.stripe.refunds import create_refund, find_refund, refund_of_ours, refunds_of_charge
from services.billing.domain.payment import PaymentId
from services.billing.domain.refund import Refund, RefundId, RefundStatus
from shared.money import Money
from tests.contract.stripe_itself.conftest import AMOUNT_MINOR, Shop, our_id
from tests.support.http import eventually

NOBODY = "0" * 24


def a_checkout(currency: str, amount_minor: int) -> NewCheckout:
    return NewCheckout(
        payment_id=our_id("pay"),
        account_id=our_id("acct"),
        credits=5000,
        price=Money(amount_minor, currency),
        success_url="https://shop.example/done",
        cancel_url="https://shop.example/left",
        expires_at=datetime.now(UTC) + timedelta(minutes=45),
    )


def a_refund(amount_minor: int) -> Refund:
    return Refund(
        id=RefundId(our_id("ref")),
        payment_id=PaymentId(our_id("pay")),
        amount=Money(amount_minor, "usd"),
        status=RefundStatus.REQUESTED,
        created_at=datetime.now(UTC),
        reason="requested_by_customer",
    )


@pytest.mark.parametrize(("currency", "amount_minor"), [("usd", 500), ("jpy", 800), ("bhd", 2000)])
async def test_payment_page_is_made_once_found_and_ended(shop: Shop, currency: str, amount_minor: int) -> None:
    wanted = a_checkout(currency, amount_minor)
    made = await create_checkout(shop.gate, wanted)
    assert (made.status, made.payment_status, made.livemode) == ("open", "unpaid", False)
    assert (made.currency, made.amount_total_minor) == (currency, amount_minor)
    assert made.metadata["payment_id"] == wanted.payment_id
    assert (await create_checkout(shop.gate, wanted)).id == made.id
    assert await find_session(shop.gate, made.id) == made

    ended = await end_session(shop.gate, made.id)
    assert ended is not None
    assert (ended.status, ended.url) == ("expired", None)
    assert await end_session(shop.gate, made.id) == ended


async def test_what_stripe_does_not_know_is_none(shop: Shop) -> None:
    assert await find_session(shop.gate, f"cs_test_{NOBODY}") is None
    assert await find_charge(shop.gate, f"ch_{NOBODY}") is None
    assert await find_refund(shop.gate, f"re_{NOBODY}") is None
    assert await find_dispute(shop.gate, f"du_{NOBODY}") is None
    assert await balance_transaction(shop.gate, f"txn_{NOBODY}") is None


async def test_saved_card_pays_while_the_customer_is_away(shop: Shop) -> None:
    intent = await shop.charge(await shop.card("pm_card_visa"))
    assert (intent["status"], intent["amount_received"]) == ("succeeded", AMOUNT_MINOR)

    charge = await find_charge(shop.gate, intent["latest_charge"])
    assert charge is not None
    assert (charge.intent_id, charge.has_refunds) == (intent["id"], False)
    (arrived,) = await eventually(
        lambda: transactions_of(shop.gate, intent["latest_charge"]), within_seconds=shop.patience_seconds
    )
    assert (arrived.type, arrived.source) == ("charge", intent["latest_charge"])
    assert arrived.fee_minor > 0
    assert await balance_transaction(shop.gate, arrived.id) == arrived


async def test_payment_is_among_the_events(shop: Shop) -> None:
    intent = await shop.charge(await shop.card("pm_card_visa"))

    async def told() -> list[dict[str, Any]]:
        listed = await shop.gate.ask(shop.gate.v1.events.list_async({"type": "payment_intent.succeeded", "limit": 20}))
        found: list[dict[str, Any]] = listed.to_dict()["data"]
        return [event for event in found if event["data"]["object"]["id"] == intent["id"]]

    (event,) = await eventually(told, within_seconds=shop.patience_seconds)
    assert (event["livemode"], event["data"]["object"]["status"]) == (False, "succeeded")


async def test_card_that_fails_later_declines_and_names_the_intent(shop: Shop) -> None:
    card = await shop.card("pm_card_chargeCustomerFail")
    with pytest.raises(StripeRefused) as refused:
        await shop.charge(card)
    assert (refused.value.code, refused.value.decline_code) == ("card_declined", "generic_decline")
    intent = await shop.gate.find(shop.gate.v1.payment_intents.retrieve_async(refused.value.intent_id))
    assert intent is not None
    assert intent.status == "requires_payment_method"


async def test_card_that_is_declined_cannot_be_saved(shop: Shop) -> None:
    with pytest.raises(StripeRefused) as refused:
        await shop.card("pm_card_chargeDeclined")
    assert refused.value.code == "card_declined"


async def test_refunds_are_made_once_and_listed_and_end_with_the_charge(shop: Shop) -> None:
    intent = await shop.charge(await shop.card("pm_card_visa"))
    wanted = a_refund(500)
    made = await create_refund(shop.gate, wanted, intent_id=intent["id"])
    assert (made.amount, made.charge_id, made.refund_id) == (wanted.amount, intent["latest_charge"], wanted.id)
    assert made.status in ("succeeded", "pending")
    assert made.transaction is None or made.transaction.amount_minor == -500
    assert (await create_refund(shop.gate, wanted, intent_id=intent["id"])).id == made.id

    with pytest.raises(StripeRefused):
        await create_refund(shop.gate, a_refund(AMOUNT_MINOR), intent_id=intent["id"])
    rest = await create_refund(shop.gate, a_refund(AMOUNT_MINOR - 500), intent_id=intent["id"])
    listed = await refunds_of_charge(shop.gate, intent["latest_charge"])
    assert [state.id for state in listed] == [rest.id, made.id]
    ours = await refund_of_ours(shop.gate, wanted, intent_id=intent["id"])
    assert ours is not None
    assert ours.id == made.id
    with pytest.raises(StripeRefused) as refused:
        await create_refund(shop.gate, a_refund(1), intent_id=intent["id"])
    assert refused.value.code == "charge_already_refunded"


async def test_disputed_charge_has_its_money_withdrawn_and_is_not_refunded(shop: Shop) -> None:
    intent = await shop.charge(await shop.card("pm_card_createDispute"))
    assert intent["status"] == "succeeded"

    async def opened() -> Any:
        listed = await shop.gate.ask(shop.gate.v1.disputes.list_async({"payment_intent": intent["id"]}))
        return listed.data and listed.data[0].balance_transactions and listed.data[0]

    dispute = await find_dispute(shop.gate, (await eventually(opened, within_seconds=shop.patience_seconds)).id)
    assert dispute is not None
    assert (dispute.charge_id, dispute.intent_id) == (intent["latest_charge"], intent["id"])
    assert (dispute.amount, dispute.status) == (Money(AMOUNT_MINOR, "usd"), "needs_response")
    assert dispute.payment_id == intent["metadata"]["payment_id"]
    (withdrawal,) = dispute.transactions
    assert (withdrawal.amount_minor, withdrawal.source) == (-AMOUNT_MINOR, dispute.id)
    with pytest.raises(StripeRefused) as refused:
        await create_refund(shop.gate, a_refund(100), intent_id=intent["id"])
    assert refused.value.code == "charge_disputed"
