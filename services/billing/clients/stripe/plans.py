"""Plans at Stripe: a product each, and the price that subscriptions are of."""

from dataclasses import dataclass
from typing import Any

from stripe.params import PriceCreateParams, ProductCreateParams

from services.billing.clients.stripe.gate import StripeGate, StripeRefused
from services.billing.domain.subscriptions.plan import Plan

_EXISTS = "resource_already_exists"


@dataclass(frozen=True, slots=True)
class PlanAtStripe:
    """What a plan is called at Stripe."""

    product_id: str
    price_id: str


async def make_plan(gate: StripeGate, plan: Plan) -> PlanAtStripe:
    """The plan's product and price: found, or made; once, however often and by however many it is asked. A price that
    somebody archived is sold again. Raises StripeRefused, StripeUnavailable."""
    return PlanAtStripe(await _product(gate, plan), await _price(gate, plan))


def product_id_of(plan: Plan) -> str:
    """Chosen by us, so that Stripe itself keeps it one."""
    return f"tollgate-{plan.id}"


def lookup_key_of(plan: Plan) -> str:
    """Names the price by its terms: a plan of the same id on other terms is never sold at these."""
    price = plan.price
    return f"tollgate-{plan.id}-{price.amount_minor}-{price.currency}-{plan.interval_count}-{plan.interval}"


async def _product(gate: StripeGate, plan: Plan) -> str:
    product_id = product_id_of(plan)
    params: ProductCreateParams = {"id": product_id, "name": plan.name, "metadata": {"plan_id": plan.id}}
    if await gate.find(gate.v1.products.retrieve_async(product_id)) is None:
        try:
            await gate.ask(gate.v1.products.create_async(params, {"idempotency_key": f"product-{plan.id}"}))
        except StripeRefused as refusal:
            if refusal.code != _EXISTS:
                raise
    return product_id


async def _price(gate: StripeGate, plan: Plan) -> str:
    found = await _price_found(gate, plan)
    if found is None:
        try:
            made = await gate.ask(
                gate.v1.prices.create_async(_price_params(plan), {"idempotency_key": f"price-{lookup_key_of(plan)}"})
            )
            return str(made.id)
        except StripeRefused as refusal:
            found = await _price_found(gate, plan) if refusal.code == _EXISTS else None
            if found is None:
                raise
    price_id: str = found["id"]
    if not found["active"]:
        await gate.ask(gate.v1.prices.update_async(price_id, {"active": True}))
    return price_id


async def _price_found(gate: StripeGate, plan: Plan) -> dict[str, Any] | None:
    listed = await gate.ask(gate.v1.prices.list_async({"lookup_keys": [lookup_key_of(plan)], "limit": 1}))
    found: list[dict[str, Any]] = listed.to_dict()["data"]
    return found[0] if found else None


def _price_params(plan: Plan) -> PriceCreateParams:
    return {
        "product": product_id_of(plan),
        "currency": plan.price.currency,
        "unit_amount": plan.price.amount_minor,
        "recurring": {"interval": plan.interval, "interval_count": plan.interval_count},
        "lookup_key": lookup_key_of(plan),
        "metadata": {"plan_id": plan.id},
    }
