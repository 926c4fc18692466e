"""The subscription and its states, as one table.

    from          by                                    to
    (new)         something to pay                      incomplete
    (new)         a trial, or nothing to pay            trialing, active
    incomplete    its first invoice paid                active
    incomplete    23 hours without that                 incomplete_expired   (the end)
    trialing      the trial's end                       active; without a card as asked: canceled, paused
    active        a payment that failed                 past_due
    past_due      paid                                  active
    past_due      the last attempt failed, as set       canceled, unpaid, past_due
    unpaid        its latest invoice paid               active
    paused        resumed                               active
    any but ends  canceled                              canceled             (the end)

Every change returns a new subscription. All items share one interval, so that they share their period.
"""

from typing import Final

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

INCOMPLETE: Final = "incomplete"
INCOMPLETE_EXPIRED: Final = "incomplete_expired"
TRIALING: Final = "trialing"
ACTIVE: Final = "active"
PAST_DUE: Final = "past_due"
UNPAID: Final = "unpaid"
PAUSED: Final = "paused"
CANCELED: Final = "canceled"

STATUSES = (ACTIVE, CANCELED, INCOMPLETE, INCOMPLETE_EXPIRED, PAST_DUE, PAUSED, TRIALING, UNPAID)
ENDED = frozenset({CANCELED, INCOMPLETE_EXPIRED})
# New periods begin by themselves in these.
RENEWING = frozenset({ACTIVE, TRIALING, PAST_DUE, UNPAID})
EXPIRES_AFTER_SECONDS = 23 * 3600


def new_subscription(
    subscription_id: str, *, customer_id: str, items: list[Json], given: Json, status: str, now: int
) -> Json:
    """`items` are whole, with their period; `given` are the caller's parameters."""
    trial_end = given.get("trial_end")
    subscription: Json = {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": given.get("billing_cycle_anchor", trial_end or now),
        "billing_cycle_anchor_config": None,
        "billing_mode": {
            "flexible": {"proration_discounts": "included"},
            "type": "flexible",
            "updated_at": now,
        },
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": given.get("collection_method", "charge_automatically"),
        "created": now,
        "currency": items[0]["price"]["currency"],
        "customer": customer_id,
        "customer_account": None,
        "days_until_due": given.get("days_until_due"),
        "default_payment_method": given.get("default_payment_method"),
        "default_source": None,
        "default_tax_rates": [],
        "description": given.get("description"),
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": _list(subscription_id, items),
        "latest_invoice": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, given.get("metadata")),
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": given.get("payment_settings", {}).get("save_default_payment_method", "off"),
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": status,
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": trial_end,
        "trial_settings": {
            "end_behavior": {
                "missing_payment_method": given.get("trial_settings", {})
                .get("end_behavior", {})
                .get("missing_payment_method", "create_invoice")
            }
        },
        "trial_start": now if trial_end else None,
    }
    return canceling(subscription, given, now=now)


def new_item(
    item_id: str,
    *,
    subscription_id: str,
    price: Json,
    quantity: int,
    metadata: Json | None,
    period: tuple[int, int],
    now: int,
) -> Json:
    return {
        "id": item_id,
        "object": "subscription_item",
        "billed_until": period[1],
        "billing_thresholds": None,
        "created": now,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": merged({}, metadata),
        "plan": plan_of(price),
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def plan_of(price: Json) -> Json:
    """A recurring price as the plan that older code reads."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": price["metadata"],
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


def items_of(subscription: Json) -> list[Json]:
    found: list[Json] = subscription["items"]["data"]
    return found


def with_items(subscription: Json, items: list[Json]) -> Json:
    return {**subscription, "items": _list(subscription["id"], items)}


def in_period(item: Json, period: tuple[int, int]) -> Json:
    """The item in its next period."""
    return {
        **item,
        "billed_until": period[1],
        "current_period_end": period[1],
        "current_period_start": period[0],
    }


def period_of(subscription: Json) -> tuple[int, int]:
    """The present period, start and end."""
    first = items_of(subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def recurring_of(items: list[Json]) -> Json:
    """The interval that all items share."""
    found: Json = items[0]["price"]["recurring"]
    return found


def check_items(items: list[Json]) -> None:
    """That they can be billed together; raises."""
    if not items:
        raise StripeError("A subscription must have at least one active plan.", param="items")
    prices = [item["price"] for item in items]
    if len({price["currency"] for price in prices}) != 1:
        raise StripeError("All prices on a subscription must have the same currency.", param="items")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) != 1:
        raise StripeError("The sandbox bills the items of a subscription by one and the same interval.", param="items")
    if len({price["id"] for price in prices}) != len(prices):
        raise StripeError(
            "Cannot add multiple subscription items with the same plan; change the quantity instead.", param="items"
        )


def canceling(subscription: Json, given: Json, *, now: int) -> Json:
    """After `cancel_at` or `cancel_at_period_end` was given; an empty one takes a planned end back."""
    if "cancel_at_period_end" in given and "cancel_at" in given:
        raise StripeError("You may only specify one of: cancel_at, cancel_at_period_end.", param="cancel_at")
    if "cancel_at_period_end" in given:
        at_end = given["cancel_at_period_end"]
        at = period_of(subscription)[1] if at_end else None
        return _with_end(subscription, at, at_period_end=at_end, now=now)
    if "cancel_at" in given:
        at = given["cancel_at"]
        if at is not None and at <= now:
            raise StripeError("`cancel_at` must be in the future.", param="cancel_at")
        return _with_end(subscription, at, at_period_end=False, now=now)
    return subscription


def ends_at(subscription: Json, *, now: int) -> bool:
    """Whether a planned end has come."""
    at: int | None = subscription["cancel_at"]
    return at is not None and at <= now and subscription["status"] not in ENDED


def canceled(subscription: Json, *, reason: str, now: int, details: Json | None = None) -> Json:
    check_living(subscription)
    said = {**subscription["cancellation_details"], "reason": reason, **(details or {})}
    return {
        **subscription,
        "canceled_at": subscription["canceled_at"] or now,
        "cancellation_details": said,
        "ended_at": now,
        "status": CANCELED,
    }


def expired(subscription: Json, *, now: int) -> Json:
    assert subscription["status"] == INCOMPLETE, "only what never was paid expires"
    return {**subscription, "canceled_at": None, "ended_at": now, "status": INCOMPLETE_EXPIRED}


def paid(subscription: Json, *, invoice_id: str) -> Json:
    """After one of its invoices was paid; only the latest one counts once payment has failed."""
    status = subscription["status"]
    if status == INCOMPLETE or (status in (PAST_DUE, UNPAID) and subscription["latest_invoice"] == invoice_id):
        return {**subscription, "status": ACTIVE}
    return subscription


def payment_failed(subscription: Json, *, last: bool, then: str) -> Json:
    """After an attempt failed; `last` says that no other follows, `then` is what is set for that (not cancel)."""
    status = subscription["status"]
    if status not in (ACTIVE, PAST_DUE, TRIALING):
        return subscription
    return {**subscription, "status": UNPAID if last and then == UNPAID else PAST_DUE}


def trial_over(subscription: Json) -> Json:
    return {**subscription, "status": ACTIVE if subscription["status"] == TRIALING else subscription["status"]}


def paused(subscription: Json, *, now: int) -> Json:
    """No card at the trial's end."""
    said = {
        "subscription": {"type": "trial_end_without_payment_method"},
        "transitioned_at": now,
        "type": "subscription",
    }
    return {**subscription, "status": PAUSED, "status_details": {"paused": said}}


def resumed(subscription: Json) -> Json:
    if subscription["status"] != PAUSED:
        raise StripeError(
            f"Only a subscription that is paused can be resumed: this one is {subscription['status']}.",
        )
    return {**subscription, "status": ACTIVE, "status_details": None}


def check_living(subscription: Json) -> None:
    if subscription["status"] in ENDED:
        raise StripeError(
            f"No such subscription: '{subscription['id']}'", status=404, code="resource_missing", param="id"
        )


def _with_end(subscription: Json, at: int | None, *, at_period_end: bool, now: int) -> Json:
    reason = None if at is None else "cancellation_requested"
    return {
        **subscription,
        "cancel_at": at,
        "cancel_at_period_end": at_period_end,
        "canceled_at": None if at is None else now,
        "cancellation_details": {**subscription["cancellation_details"], "reason": reason},
    }


def _list(subscription_id: str, items: list[Json]) -> Json:
    return {
        "object": "list",
        "data": items,
        "has_more": False,
        "url": f"/v1/subscription_items?subscription={subscription_id}",
    }
