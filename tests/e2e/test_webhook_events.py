"""Stripe's events as operators meet them: failed ones are shown and worked on again, order and number don't matter."""

from typing import Any

from tests.e2e import books
from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Operator, pay
from tests.e2e.stripe_side import StripeSide
from tests.e2e.test_disputes import closed, disputed
from tests.e2e.test_stripe_webhook import waiting_events
from tests.e2e.waiting import eventually


def about(operator: Operator, stripe_id: str, kind: str) -> dict[str, Any]:
    """The event of this type that names the object, or nothing."""
    found = operator.get("webhook-events", about=stripe_id)["data"]
    return next((one for one in found if one["type"] == kind), {})


def test_event_that_fails_is_shown_and_replayed_while_others_go_on(
    customer: Customer, new_customer: Any, operator: Operator, stripe_side: StripeSide
) -> None:
    begun = customer.checkout().json()
    session_id = stripe_side.session(begun["checkout_url"])["id"]
    fault = {"path": f"/v1/checkout/sessions/{session_id}", "status": 500}
    stripe_side.control("faults", {**fault, "times": 1_000})
    kind = "checkout.session.completed"
    assert pay(begun["checkout_url"]).status_code == 303
    failed = eventually(
        lambda: (seen := about(operator, session_id, kind)).get("status") == "failed" and seen,
        seconds=15,
        what="the event has failed",
    )
    assert failed["error"]
    new_customer().buy()
    stripe_side.control("faults", {**fault, "times": 0})
    assert operator.send("POST", f"webhook-events/{failed['id']}/replay", {}).status_code == 200
    handled = eventually(
        lambda: (seen := about(operator, session_id, kind)).get("status") == "handled" and seen,
        seconds=15,
        what="the event is handled",
    )
    assert handled["error"] is None
    [line] = [one for one in operator.get("audit")["data"] if one["subject"] == failed["id"]]
    assert (line["service"], line["action"], line["actor"][:5]) == ("billing", "webhook.replayed", "acct_")
    assert [one["credits"] for one in customer.transactions()] == [FIRST_KEY]
    books.assert_whole(operator, customer)


def test_shuffled_news_of_purchase_refund_and_dispute_end_where_stripe_is(
    customer: Customer, operator: Operator, stripe_side: StripeSide
) -> None:
    stripe_side.deliver("shuffle")
    refunded, kept = customer.buy(), customer.buy()
    assert operator.refund(refunded, 100).status_code == 201
    closed(operator, stripe_side, disputed(operator, stripe_side, kept), "won")
    stripe_side.deliver("normal")
    eventually(lambda: not waiting_events(operator), seconds=15, what="all events are worked on")
    assert customer.credits() == 2 * FIRST_KEY - 1_000 * CREDIT
    assert customer.payment(refunded)["status"] == "partially_refunded"
    assert customer.payment(kept)["status"] == "succeeded"
    kinds = sorted(one["type"] for one in customer.transactions())
    assert kinds == ["dispute", "dispute_won", "purchase", "purchase", "refund"]
    story = operator.get(f"payments/{kept}/explain")["story"]
    told = {"checkout", "fraud", "page", "event", "status", "entry", "posting", "balance", "dispute"}
    assert told <= {one["kind"] for one in story}
    books.assert_whole(operator, customer)
