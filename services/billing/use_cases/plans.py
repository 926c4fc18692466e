"""Plans: made here by operators and by the settings, made at Stripe from their rows.

A plan is sold once it has its price at Stripe. The rows are the truth; Stripe's product and price follow from them and
are found again where they exist, so that a new database, a second process or a lost answer makes nothing twice.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from services.billing.clients.stripe import StripeRefused, StripeUnavailable
from services.billing.clients.stripe.plans import make_plan
from services.billing.domain.subscriptions.plan import Plan
from services.billing.service import Billing
from services.billing.store import plans
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import DomainError, NotFound

PLANS_EVERY_SECONDS = 10.0

T = TypeVar("T")
Finish = Callable[[Connection, Plan], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction of the change."""


@dataclass(frozen=True, slots=True)
class Synced:
    """The live plans, as they are at Stripe now."""

    plans: list[Plan]

    def as_view(self) -> dict[str, object]:
        return {
            "plans": [
                {"id": plan.id, "stripe_product_id": plan.stripe_product_id, "stripe_price_id": plan.stripe_price_id}
                for plan in self.plans
            ]
        }

    def lines(self) -> list[str]:
        return [f"{plan.id}  {plan.stripe_product_id}  {plan.stripe_price_id}" for plan in self.plans]


async def plans_on_sale(billing: Billing) -> list[Plan]:
    """Those that are live, the cheapest first."""
    return [plan for plan in await list_plans(billing) if plan.live]


async def list_plans(billing: Billing) -> list[Plan]:
    """Retired ones too."""
    async with billing.database.transaction() as connection:
        return await plans.all_plans(connection)


async def find_plan(billing: Billing, plan_id: str) -> Plan:
    """Live or retired. Raises NotFound."""
    async with billing.database.transaction() as connection:
        plan = await plans.find(connection, plan_id)
    if plan is None:
        raise NotFound("plan")
    return plan


async def create_plan(billing: Billing, plan: Plan, actor: Actor, finish: Finish[T]) -> T:
    """A new plan, and its price at Stripe at once where Stripe answers, else by the loop. Raises `name_taken`."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        if not await plans.insert_missing(connection, plan, at=now):
            raise DomainError("name_taken", f"There is a plan {plan.id} already. A plan's terms never change.")
        await audit.write(connection, actor, "plan.created", plan.id, at=now)
        finished = await finish(connection, plan)
    with suppress(StripeUnavailable, StripeRefused):
        await sold_at_stripe(billing, plan)
    return finished


async def retire_plan(billing: Billing, plan_id: str, actor: Actor, finish: Finish[T]) -> T:
    """Sell it no more; who has it keeps it. Doing it again changes nothing. Raises NotFound."""
    now = billing.clock.now()
    async with billing.database.transaction() as connection:
        plan = await plans.locked(connection, plan_id)
        if plan is None:
            raise NotFound("plan")
        if plan.live:
            await plans.retire(connection, plan.id, at=now)
            await audit.write(connection, actor, "plan.retired", plan.id, at=now)
        return await finish(connection, replace(plan, live=False))


async def sold_at_stripe(billing: Billing, plan: Plan) -> Plan:
    """The plan with its product and price, which are made where they are missing. Raises StripeRefused,
    StripeUnavailable."""
    if plan.stripe_price_id is not None:
        return plan
    made = await make_plan(billing.stripe, plan)
    async with billing.database.transaction() as connection:
        await plans.keep_stripe_ids(
            connection, plan.id, product_id=made.product_id, price_id=made.price_id, at=billing.clock.now()
        )
    return replace(plan, stripe_product_id=made.product_id, stripe_price_id=made.price_id)


async def sync_plans(billing: Billing) -> Synced:
    """Every live plan compared with Stripe, the default one inserted before, what is missing there made. Raises
    StripeRefused, StripeUnavailable."""
    await _insert_default(billing)
    on_sale = await plans_on_sale(billing)
    return Synced(
        [await sold_at_stripe(billing, replace(plan, stripe_product_id=None, stripe_price_id=None)) for plan in on_sale]
    )


async def make_missing(billing: Billing) -> bool:
    """The loop: what has no price at Stripe yet gets it. Without a key for Stripe there is only the default's row."""
    await _insert_default(billing)
    if billing.stripe.configured:
        for plan in await plans_on_sale(billing):
            await sold_at_stripe(billing, plan)
    return False


async def _insert_default(billing: Billing) -> None:
    plan = billing.settings.default_plan
    if plan is not None:
        async with billing.database.transaction() as connection:
            await plans.insert_missing(connection, plan, at=billing.clock.now())
