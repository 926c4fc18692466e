"""Bodies of Stripe's events in the documented shapes, as the oldest versions had them and as the newest do."""

from typing import Any, Literal

World = Literal["old", "new"]
WORLDS: tuple[World, ...] = ("old", "new")
VERSIONS: dict[World, str] = {"old": "2017-08-15", "new": "2026-10-28.endive"}

STARTED = 1_790_000_000
MONTH_SECONDS = 30 * 86_400


def envelope(kind: str, about: Any, *, world: World = "new", **more: Any) -> dict[str, Any]:
    """An event around an object."""
    return {
        "id": "evt_0001",
        "object": "event",
        "api_version": VERSIONS[world],
        "created": STARTED,
        "livemode": False,
        "pending_webhooks": 1,
        "request": None if world == "old" else {"id": None, "idempotency_key": None},
        "type": kind,
        "data": {"object": about},
        **more,
    }


def listed(*objects: dict[str, Any]) -> dict[str, Any]:
    """A list within an object."""
    return {"object": "list", "data": list(objects), "has_more": False, "total_count": len(objects), "url": "/v1/x"}


def refund(**changes: Any) -> dict[str, Any]:
    return {
        "id": "re_1",
        "object": "refund",
        "amount": 200,
        "currency": "usd",
        "charge": "ch_1",
        "payment_intent": "pi_1",
        "balance_transaction": "txn_back",
        "status": "succeeded",
        **changes,
    }


def charge(world: World, **changes: Any) -> dict[str, Any]:
    """A charge, half of it given back; the old world lists its refunds."""
    plain = {
        "id": "ch_1",
        "object": "charge",
        "amount": 500,
        "amount_refunded": 200,
        "balance_transaction": "txn_in",
        "currency": "usd",
        "customer": "cus_1",
        "payment_intent": "pi_1",
    }
    theirs = {"invoice": "in_1", "refunds": listed(refund())} if world == "old" else {}
    return {**plain, **theirs, **changes}


def intent(world: World, **changes: Any) -> dict[str, Any]:
    """A payment intent; the old world lists its charges and names its invoice."""
    plain = {"id": "pi_1", "object": "payment_intent", "amount": 500, "currency": "usd", "status": "succeeded"}
    if world == "old":
        return {**plain, "invoice": "in_1", "charges": listed(charge("old"), charge("old", id="ch_0")), **changes}
    return {**plain, "latest_charge": "ch_1", "customer": None, **changes}


def dispute(world: World, **changes: Any) -> dict[str, Any]:
    """A dispute whose money has left; the new world names the transaction once more, by its id."""
    moved = {"id": "txn_gone", "object": "balance_transaction", "amount": -500, "fee": 1500, "net": -2000}
    plain = {
        "id": "dp_1" if world == "old" else "du_1",
        "object": "dispute",
        "amount": 500,
        "charge": "ch_1",
        "currency": "usd",
        "reason": "fraudulent",
        "status": "needs_response",
    }
    if world == "old":
        return {**plain, "balance_transactions": [moved], **changes}
    linked = {"payment_intent": "pi_1", "balance_transaction": "txn_gone", "balance_transactions": ["txn_gone"]}
    return {**plain, **linked, **changes}


def invoice_line(world: World, **changes: Any) -> dict[str, Any]:
    period = {"start": STARTED, "end": STARTED + MONTH_SECONDS}
    plain = {"object": "line_item", "amount": 2000, "currency": "usd", "period": period, "quantity": 2}
    if world == "old":
        theirs = {"id": "sub_1", "type": "subscription", "plan": {"id": "gold", "object": "plan"}, "subscription": None}
        return {**plain, **theirs, **changes}
    return {
        **plain,
        "id": "il_1",
        "parent": {
            "type": "subscription_item_details",
            "subscription_item_details": {"subscription": "sub_1", "subscription_item": "si_1"},
        },
        "pricing": {"type": "price_details", "price_details": {"price": "price_gold", "product": "prod_1"}},
        **changes,
    }


def invoice(world: World, **changes: Any) -> dict[str, Any]:
    """A paid invoice of a subscription."""
    plain = {
        "id": "in_1",
        "object": "invoice",
        "amount_due": 4000,
        "attempt_count": 1,
        "currency": "usd",
        "customer": "cus_1",
        "lines": listed(invoice_line(world)),
        "next_payment_attempt": None,
    }
    if world == "old":
        theirs: dict[str, Any] = {"date": STARTED, "closed": True, "forgiven": False, "paid": True, "charge": "ch_1"}
        return {**plain, **theirs, "subscription": "sub_1", **changes}
    parent = {"type": "subscription_details", "subscription_details": {"metadata": {}, "subscription": "sub_1"}}
    return {
        **plain,
        "amount_paid": 4000,
        "billing_reason": "subscription_cycle",
        "created": STARTED,
        "parent": parent,
        "payments": listed(
            {**invoice_payment(), "id": "inpay_0", "status": "canceled", "is_default": False}, invoice_payment()
        ),
        "status": "paid",
        **changes,
    }


def invoice_payment(**changes: Any) -> dict[str, Any]:
    return {
        "id": "inpay_1",
        "object": "invoice_payment",
        "invoice": "in_1",
        "is_default": True,
        "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
        "status": "paid",
        **changes,
    }


def subscription(world: World, **changes: Any) -> dict[str, Any]:
    """A subscription: the oldest world has one plan and no items, the new one keeps periods on the items."""
    plain = {
        "id": "sub_1",
        "object": "subscription",
        "cancel_at_period_end": False,
        "customer": "cus_1",
        "status": "active",
    }
    period = {"current_period_start": STARTED, "current_period_end": STARTED + MONTH_SECONDS}
    if world == "old":
        return {**plain, **period, "plan": {"id": "gold", "object": "plan"}, "quantity": 2, **changes}
    item = {"id": "si_1", "object": "subscription_item", "price": {"id": "price_gold"}, "quantity": 2, **period}
    yearly = {**item, "id": "si_2", "current_period_end": STARTED + 12 * MONTH_SECONDS}
    return {**plain, "currency": "usd", "items": listed(yearly, item), "latest_invoice": "in_1", **changes}
