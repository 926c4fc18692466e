"""What subscriptions bring is booked as it comes, earned as its days go by, and no longer where it goes back."""

from datetime import timedelta
from typing import Any

import pytest

from services.billing.use_cases.subscription_charges import learn_charges
from services.billing.use_cases.subscription_money import earn
from services.billing.use_cases.verify_books import verify_books
from tests.integration.billing_payments.conftest import OPERATOR
from tests.integration.billing_subscriptions.conftest import DAY, Club, Member
from tests.support.keys import headers_for

CENT = 10_000
PRICE = 2_500 * CENT


async def booked(club: Club) -> dict[str, int]:
    """Debits less credits of both sub-books, in micros, without what is at zero."""
    await club.work()
    while await learn_charges(club.billing) or await earn(club.billing):
        pass
    assert (await verify_books(club.billing.database)).balanced
    rows = await club.shop.rows("SELECT ledger_account, sum(debit - credit)::bigint AS micros FROM book GROUP BY 1")
    return {row.ledger_account: row.micros for row in rows if row.micros}


async def payment_of(club: Club, member: Member) -> Any:
    [row] = await club.shop.rows("SELECT * FROM payments WHERE account_id = $1", member.account_id)
    return row


@pytest.mark.long
async def test_period_is_owed_until_its_days_have_gone_by(club: Club) -> None:
    member = await club.joined()
    books = await booked(club)
    fee = books["stripe_fees"]
    assert books == {"deferred_subscriptions": -PRICE, "stripe_fees": fee, "stripe_balance": PRICE - fee}
    payment = await payment_of(club, member)
    assert (payment.type, payment.status, payment.amount_minor, payment.millicredits) == (
        "subscription",
        "succeeded",
        2_500,
        0,
    )
    row = await club.row(member)
    assert row.expires_at is not None and row.current_period_start_at is not None
    days = (row.expires_at - row.current_period_start_at).days
    await club.pass_time(10 * DAY)
    assert (await booked(club))["subscription_revenue"] == -(2_500 * 10 // days) * CENT
    await club.to(row.expires_at, plus=timedelta(hours=2))
    books = await booked(club)
    assert books["subscription_revenue"] == -PRICE, "the first period is earned whole"
    assert books["deferred_subscriptions"] == -PRICE, "the second is paid and still to come"
    assert {"receivables", "suspense", "payments"} & books.keys() == set()


@pytest.mark.long
async def test_charge_that_can_not_be_learned_holds_no_other_up(club: Club) -> None:
    members = [await club.joined() for _ in range(2)]
    first = await payment_of(club, members[0])
    await club.control("/test/faults", {"status": 500, "times": 20, "path": f"/v1/payment_intents/{first.intent_id}"})
    await club.shop.rows(
        "UPDATE payments SET leased_until = now() - interval '1 day' WHERE id = $1 RETURNING 1", first.id
    )
    assert not await learn_charges(club.billing)
    assert [(await payment_of(club, each)).charge_id is None for each in members] == [True, False]


async def test_refund_of_all_takes_back_what_was_earned_and_ends_the_subscription(club: Club) -> None:
    member = await club.joined()
    await club.pass_time(3 * DAY)
    assert (await booked(club))["subscription_revenue"] < 0
    payment = await payment_of(club, member)
    refunded = await club.shop.http.post(
        f"/api/v1/payments/{payment.id}/refund", json={}, headers=headers_for(OPERATOR, "billing")
    )
    assert (refunded.status_code, refunded.json()["credits"]) == (201, 0)
    await club.work()
    books = await booked(club)
    assert {"subscription_revenue", "deferred_subscriptions", "receivables", "refunds"} & books.keys() == set()
    assert await club.state(member) == ("canceled", "revoked", "refunded")
    [told] = await club.shop.rows(
        "SELECT data FROM outbox WHERE kind = 'subscription.changed' AND subject = $1 ORDER BY id DESC LIMIT 1",
        member.id,
    )
    assert (told.data["standing"], told.data["reason"]) == ("revoked", "refunded")


async def test_refund_of_a_part_changes_nothing_but_the_money(club: Club) -> None:
    member = await club.joined()
    await booked(club)
    payment = await payment_of(club, member)
    refunded = await club.shop.http.post(
        f"/api/v1/payments/{payment.id}/refund",
        json={"amount": {"amount": 500, "currency": "usd"}},
        headers=headers_for(OPERATOR, "billing"),
    )
    assert refunded.status_code == 201
    assert (await booked(club))["deferred_subscriptions"] == -2_000 * CENT
    assert await club.state(member) == ("active", "good", None)


async def test_dispute_suspends_and_won_restores(club: Club) -> None:
    member = await club.joined()
    await booked(club)
    payment = await payment_of(club, member)
    await club.control(f"/test/charges/{payment.charge_id}/dispute", {})
    await club.work()
    assert await club.state(member) == ("suspended", "suspended", "dispute")
    [dispute] = await club.shop.rows("SELECT stripe_dispute_id AS id FROM disputes")
    await club.control(f"/test/disputes/{dispute.id}/close", {"status": "won"})
    await club.work()
    assert await club.state(member) == ("active", "good", None)
    books = await booked(club)
    assert books["deferred_subscriptions"] == -PRICE
    assert {"disputes", "receivables", "dispute_losses"} & books.keys() == set()


@pytest.mark.long
async def test_lost_dispute_revokes_for_good(club: Club) -> None:
    member = await club.joined()
    await booked(club)
    payment = await payment_of(club, member)
    await club.control(f"/test/charges/{payment.charge_id}/dispute", {})
    await club.work()
    [dispute] = await club.shop.rows("SELECT stripe_dispute_id AS id FROM disputes")
    await club.control(f"/test/disputes/{dispute.id}/close", {"status": "lost"})
    await club.work()
    assert await club.state(member) == ("canceled", "revoked", "dispute_lost")
    assert {"deferred_subscriptions", "subscription_revenue"} & (await booked(club)).keys() == set()
