"""Refunds: what goes back, what that does to charge and balance, and refunds that end otherwise than they began."""

from typing import Any

import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning

pytestmark = sdk_warning


async def paid(sandbox: Running, number: str = "4242424242424242", **more: Any) -> Any:
    """The charge of a session that was paid with the card."""
    session = await sandbox.session(**more)
    assert (await sandbox.pay(session, number)).status_code == 303
    params = {"expand": ["payment_intent.latest_charge"]}
    done = await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, params)
    return done.payment_intent.latest_charge


async def advance(sandbox: Running, seconds: int) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/test/clock/advance", json={"seconds": seconds})
    assert answer.status_code == 200


async def nets(sandbox: Running) -> list[tuple[str, int, int]]:
    found = await sandbox.stripe.v1.balance_transactions.list_async()
    return [(each.type, each.amount, each.fee) for each in reversed(found.data)]


async def test_parts_are_refunded_until_nothing_is_left_and_stripe_keeps_its_fee(sandbox: Running) -> None:
    charge = await paid(sandbox)
    refunds = sandbox.stripe.v1.refunds
    first = await refunds.create_async({"payment_intent": charge.payment_intent, "amount": 200})
    second = await refunds.create_async({"charge": charge.id, "reason": "requested_by_customer"})
    after = await sandbox.stripe.v1.charges.retrieve_async(
        charge.id, {"expand": ["refunds.data.balance_transaction", "balance_transaction"]}
    )

    assert [(each.amount, each.status, each.charge) for each in (first, second)] == [
        (200, "succeeded", charge.id),
        (300, "succeeded", charge.id),
    ]
    assert (after.amount_refunded, after.refunded, after.disputed) == (500, True, False)
    assert [each.id for each in after.refunds.data] == [second.id, first.id]
    assert [each.balance_transaction.net for each in after.refunds.data] == [-300, -200]
    assert await nets(sandbox) == [("charge", 500, 45), ("refund", -200, 0), ("refund", -300, 0)]
    with pytest.raises(stripe.InvalidRequestError, match="has already been refunded") as refused:
        await refunds.create_async({"charge": charge.id})
    assert refused.value.code == "charge_already_refunded"
    listed = await refunds.list_async({"payment_intent": charge.payment_intent})
    assert [each.id for each in listed.data] == [second.id, first.id]


async def test_refund_says_so_and_what_was_before(sandbox: Running) -> None:
    charge = await paid(sandbox)
    refund = await sandbox.stripe.v1.refunds.create_async({"charge": charge.id, "amount": 200})
    [told] = await eventually(lambda: sandbox.received.of("charge.refunded"))
    [created] = await eventually(lambda: sandbox.received.of("refund.created"))

    assert (told.data.object.id, told.data.object.amount_refunded) == (charge.id, 200)
    assert told.data.previous_attributes.to_dict() == {"amount_refunded": 0}
    assert created.data.object.id == refund.id


@pytest.mark.parametrize(
    ("amount", "code", "message"),
    [
        (501, None, r"Refund amount \(\$5\.01\) is greater than unrefunded amount on charge \(\$5\.00\)"),
        (0, "parameter_invalid_integer", "Invalid positive integer"),
    ],
)
async def test_amount_out_of_bounds_is_refused(sandbox: Running, amount: int, code: str | None, message: str) -> None:
    charge = await paid(sandbox)
    with pytest.raises(stripe.InvalidRequestError, match=message) as refused:
        await sandbox.stripe.v1.refunds.create_async({"charge": charge.id, "amount": amount})
    assert (refused.value.code, refused.value.param) == (code, "amount")
    assert (await sandbox.stripe.v1.charges.retrieve_async(charge.id)).amount_refunded == 0


async def test_payment_that_never_succeeded_has_nothing_to_refund(sandbox: Running) -> None:
    refunds, intents = sandbox.stripe.v1.refunds, sandbox.stripe.v1.payment_intents
    intent = await intents.create_async({"amount": 500, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await refunds.create_async({"payment_intent": intent.id})
    with pytest.raises(stripe.CardError):
        await intents.confirm_async(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await refunds.create_async({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError, match="payment_intent or charge"):
        await refunds.create_async({})


async def test_refund_is_made_once_under_one_key_and_takes_metadata(sandbox: Running) -> None:
    charge = await paid(sandbox)
    refunds, key = sandbox.stripe.v1.refunds, {"idempotency_key": "refund-1"}
    first = await refunds.create_async({"charge": charge.id, "amount": 100}, key)  # type: ignore[arg-type]
    again = await refunds.create_async({"charge": charge.id, "amount": 100}, key)  # type: ignore[arg-type]
    changed = await refunds.update_async(first.id, {"metadata": {"refund_id": "ref_1"}})

    assert first.id == again.id == changed.id
    assert changed.metadata.to_dict() == {"refund_id": "ref_1"}
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        await refunds.cancel_async(first.id)


async def test_refund_that_fails_later_brings_its_money_back(sandbox: Running) -> None:
    charge = await paid(sandbox, "4000000000005126")
    refund = await sandbox.stripe.v1.refunds.create_async({"charge": charge.id})
    assert refund.status == "succeeded"
    await advance(sandbox, 60)

    after = await sandbox.stripe.v1.refunds.retrieve_async(refund.id, {"expand": ["failure_balance_transaction"]})
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert after.failure_balance_transaction.amount == 500
    charge = await sandbox.stripe.v1.charges.retrieve_async(charge.id)
    assert (charge.amount_refunded, charge.refunded) == (0, False)
    assert await nets(sandbox) == [("charge", 500, 45), ("refund", -500, 0), ("refund_failure", 500, 0)]
    for told in ("refund.failed", "refund.updated", "charge.refund.updated"):
        await eventually(lambda told=told: sandbox.received.of(told))
    [update] = sandbox.received.of("charge.refund.updated")
    assert update.data.previous_attributes["status"] == "succeeded"
    await sandbox.stripe.v1.refunds.create_async({"charge": charge.id})


async def test_refund_that_waits_succeeds_once(sandbox: Running) -> None:
    charge = await paid(sandbox, "4000000000007726")
    refund = await sandbox.stripe.v1.refunds.create_async({"charge": charge.id})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    await advance(sandbox, 60)
    await advance(sandbox, 60)

    after = await sandbox.stripe.v1.refunds.retrieve_async(refund.id)
    assert (after.status, "pending_reason" in after.to_dict()) == ("succeeded", False)
    assert len(await eventually(lambda: sandbox.received.of("refund.updated"))) == 1
