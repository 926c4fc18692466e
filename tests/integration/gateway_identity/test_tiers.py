"""Accounts that come to be verified by themselves (S14): a confirmed address and a payment that is a week old."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.gateway.events.billing import reader
from services.gateway.use_cases.tiers import next_to_verify, verify_due
from shared.ids import new_id
from tests.integration.gateway_identity.conftest import Customer, World

WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)


async def confirmed(world: World) -> Customer:
    customer = await world.register()
    async with world.gateway.database.transaction() as connection:
        await connection.execute(
            text("UPDATE accounts SET email_verified_at = now() WHERE id = :id"), {"id": customer.id}
        )
    return customer


async def paid(world: World, customer: Customer, *, ago: timedelta, then: tuple[str, ...] = ()) -> None:
    """A payment, and what became of it, as billing tells of them; and the loops that hear of it."""
    payment_id, at = new_id("pay", at=world.gateway.clock.now()), world.gateway.clock.now() - ago
    for kind in ("succeeded", *then):
        event: dict[str, Any] = {"position": len(world.billing.news) + 1, "id": "evt", "kind": f"payment.{kind}"}
        facts = {"account_id": customer.id, "status": "succeeded"}
        world.billing.news.append(event | {"subject": payment_id, "data": facts, "created_at": at.isoformat()})
    await reader(world.gateway).run_once()
    await verify_due(world.gateway)


async def tier_of(customer: Customer) -> str:
    tier: str = (await customer.http.get("/api/v1/account")).json()["tier"]
    return tier


async def trail_of(world: World, customer: Customer) -> list[tuple[str, str]]:
    async with world.gateway.database.transaction() as connection:
        rows = await connection.execute(
            text("SELECT actor, action FROM audit WHERE subject = :id AND action = 'account.verified'"),
            {"id": customer.id},
        )
        return [(row.actor, row.action) for row in rows]


async def test_week_old_payment_verifies_an_account_once_its_address_is_confirmed(world: World) -> None:
    customer, unconfirmed = await confirmed(world), await world.register()
    for each in (customer, unconfirmed):
        await paid(world, each, ago=WEEK)
    assert (await tier_of(customer), await tier_of(unconfirmed)) == ("verified", "new")
    await verify_due(world.gateway)
    assert await trail_of(world, customer) == [("system", "account.verified")]
    found = await world.gateway.sessions.find(customer.token)
    assert found is not None and found.identity.tier == "verified"


async def test_younger_payment_verifies_nobody_before_its_week_is_over(world: World) -> None:
    customer = await confirmed(world)
    await paid(world, customer, ago=WEEK - SECOND * 30)
    assert await tier_of(customer) == "new"
    due = await next_to_verify(world.gateway, world.gateway.clock.now())
    assert due is not None and timedelta() < due - world.gateway.clock.now() <= SECOND * 30


@pytest.mark.parametrize(
    ("then", "tier"),
    [
        (("refunded",), "new"),
        (("disputed",), "new"),
        (("disputed", "succeeded"), "verified"),
        (("partially_refunded",), "verified"),
        (("refunded", "refund_failed"), "verified"),
    ],
)
async def test_payment_that_was_given_back_or_is_disputed_verifies_nobody(
    world: World, then: tuple[str, ...], tier: str
) -> None:
    customer = await confirmed(world)
    await paid(world, customer, ago=WEEK, then=then)
    assert await tier_of(customer) == tier


async def test_tier_that_an_operator_set_stays(world: World) -> None:
    operator, customer = await world.operator(), await confirmed(world)
    for tier in ("verified", "new"):
        answer = await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json={"tier": tier})
        assert answer.status_code == 200
    await paid(world, customer, ago=WEEK)
    assert await tier_of(customer) == "new"
    assert await trail_of(world, customer) == []


async def test_suspended_account_is_not_verified(world: World) -> None:
    operator, customer = await world.operator(), await confirmed(world)
    await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json={"status": "suspended"})
    await paid(world, customer, ago=WEEK)
    assert await tier_of(customer) == "new"
