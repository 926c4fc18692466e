"""Disputes: what the bank takes and gives back, by card, by control, by evidence and by silence."""

from typing import Any

import httpx
import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import Running, eventually, sdk_warning
from tests.integration.stripe_sandbox.test_refunds import advance, nets, paid

pytestmark = sdk_warning

DAY = 24 * 3600


async def control(sandbox: Running, path: str, **body: Any) -> httpx.Response:
    return await sandbox.http.post(f"{sandbox.url}/test/{path}", json=body)


async def disputed(sandbox: Running, **body: Any) -> Any:
    """The dispute of a fresh charge of 5.00."""
    charge = await paid(sandbox)
    answer = await control(sandbox, f"charges/{charge.id}/dispute", **body)
    assert answer.status_code == 200, answer.text
    return await sandbox.stripe.v1.disputes.retrieve_async(answer.json()["id"])


async def again(sandbox: Running, dispute: Any) -> Any:
    return await sandbox.stripe.v1.disputes.retrieve_async(dispute.id)


async def test_card_that_disputes_itself_takes_its_money_and_a_fee(sandbox: Running) -> None:
    charge = await paid(sandbox, "4000000000000259")
    [dispute] = (await sandbox.stripe.v1.disputes.list_async({"charge": charge.id})).data
    [withdrawn] = dispute.balance_transactions

    assert (dispute.reason, dispute.status, dispute.amount) == ("fraudulent", "needs_response", 500)
    assert (dispute.payment_intent, dispute.is_charge_refundable) == (charge.payment_intent, False)
    assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-500, 1500, -2000)
    assert (withdrawn.type, withdrawn.reporting_category, withdrawn.source) == ("adjustment", "dispute", dispute.id)
    assert charge.disputed
    await eventually(lambda: sandbox.received.of("charge.dispute.funds_withdrawn"))
    await eventually(lambda: sandbox.received.of("charge.dispute.created"))


async def test_disputed_charge_is_not_refunded(sandbox: Running) -> None:
    dispute = await disputed(sandbox, amount=300, reason="product_not_received")
    with pytest.raises(stripe.InvalidRequestError, match="has been charged back") as refused:
        await sandbox.stripe.v1.refunds.create_async({"charge": dispute.charge, "amount": 100})
    assert refused.value.code == "charge_disputed"
    assert (await control(sandbox, f"charges/{dispute.charge}/dispute")).status_code == 400


async def test_won_dispute_brings_its_amount_back_and_not_the_fee(sandbox: Running) -> None:
    dispute = await disputed(sandbox)
    assert (await control(sandbox, f"disputes/{dispute.id}/close", status="won")).json()["status"] == "won"

    assert await nets(sandbox) == [("charge", 500, 45), ("adjustment", -500, 1500), ("adjustment", 500, 0)]
    after = await again(sandbox, dispute)
    assert [each.reporting_category for each in after.balance_transactions] == ["dispute", "dispute_reversal"]
    [closed] = await eventually(lambda: sandbox.received.of("charge.dispute.closed"))
    assert closed.data.previous_attributes.to_dict() == {"status": "needs_response"}
    await eventually(lambda: sandbox.received.of("charge.dispute.funds_reinstated"))
    assert (await control(sandbox, f"disputes/{dispute.id}/close", status="lost")).status_code == 400
    await sandbox.stripe.v1.refunds.create_async({"charge": dispute.charge})


async def test_accepted_dispute_is_lost(sandbox: Running) -> None:
    dispute = await disputed(sandbox)
    assert (await sandbox.stripe.v1.disputes.close_async(dispute.id)).status == "lost"
    assert await nets(sandbox) == [("charge", 500, 45), ("adjustment", -500, 1500)]
    with pytest.raises(stripe.InvalidRequestError):
        await sandbox.stripe.v1.disputes.close_async(dispute.id)
    with pytest.raises(stripe.InvalidRequestError, match="charged back"):
        await sandbox.stripe.v1.refunds.create_async({"charge": dispute.charge})


@pytest.mark.parametrize(("evidence", "end"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_evidence_decides(sandbox: Running, evidence: str, end: str) -> None:
    dispute = await disputed(sandbox)
    disputes = sandbox.stripe.v1.disputes
    staged = await disputes.update_async(dispute.id, {"evidence": {"customer_name": "Ada"}, "submit": False})
    assert (staged.status, staged.evidence_details.has_evidence) == ("needs_response", False)
    sent = await disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": evidence}, "submit": True})
    assert (sent.status, sent.evidence.customer_name) == ("under_review", "Ada")
    assert (sent.evidence_details.submission_count, sent.evidence_details.has_evidence) == (1, True)
    await advance(sandbox, 10)

    assert (await again(sandbox, dispute)).status == end
    await eventually(lambda: len(sandbox.received.of("charge.dispute.updated")) == 2)
    with pytest.raises(stripe.InvalidRequestError, match="no longer"):
        await disputes.update_async(dispute.id, {"evidence": {"customer_name": "Bob"}})


async def test_unanswered_dispute_is_lost_and_unanswered_inquiry_closed(sandbox: Running) -> None:
    dispute, inquiry = await disputed(sandbox), await disputed(sandbox, inquiry=True)
    assert inquiry.status == "warning_needs_response"
    await advance(sandbox, 8 * DAY)
    assert (await again(sandbox, dispute)).status == "needs_response"
    await advance(sandbox, DAY)

    assert (await again(sandbox, dispute)).status == "lost"
    assert (await again(sandbox, inquiry)).status == "warning_closed"
    assert len(await nets(sandbox)) == 3


async def test_inquiry_moves_no_money_until_it_is_escalated(sandbox: Running) -> None:
    charge = await paid(sandbox, "4000000000001976")
    [inquiry] = (await sandbox.stripe.v1.disputes.list_async({"payment_intent": charge.payment_intent})).data
    assert (inquiry.status, inquiry.balance_transactions, inquiry.is_charge_refundable) == (
        "warning_needs_response",
        [],
        True,
    )
    await sandbox.stripe.v1.refunds.create_async({"charge": charge.id, "amount": 100})
    grown = (await control(sandbox, f"disputes/{inquiry.id}/escalate")).json()

    assert (grown["status"], len(grown["balance_transactions"])) == ("needs_response", 1)
    assert sandbox.received.of("charge.dispute.closed") == []


async def test_senseless_controls_are_refused(sandbox: Running) -> None:
    charge = await paid(sandbox)
    senseless: list[tuple[str, dict[str, Any], int]] = [
        ("charges/ch_none/dispute", {}, 404),
        (f"charges/{charge.id}/dispute", {"amount": 501}, 400),
        (f"charges/{charge.id}/dispute", {"amount": "5"}, 400),
        (f"charges/{charge.id}/dispute", {"reason": "whim"}, 400),
        (f"charges/{charge.id}/dispute", {"x": 1}, 400),
        ("disputes/du_none/close", {"status": "won"}, 404),
        ("disputes/du_none/close", {"status": "open"}, 400),
        ("refunds/re_none/fail", {}, 404),
        ("payouts", {}, 400),
        ("clock/advance", {"seconds": -1}, 400),
    ]
    for path, body, status in senseless:
        assert (await control(sandbox, path, **body)).status_code == status, (path, body)
