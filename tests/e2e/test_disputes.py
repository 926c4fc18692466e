"""Disputes: they freeze the account and take their share of the credits, and what the bank decides holds."""

from typing import Any

from tests.e2e import books
from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Key, Operator, bearer, exact, problem_of
from tests.e2e.stripe_side import StripeSide
from tests.e2e.waiting import eventually


def disputed(operator: Operator, stripe_side: StripeSide, payment_id: str, **terms: Any) -> str:
    """Stripe's id of a new dispute of the payment, once it has taken credits."""
    dispute_id = str(stripe_side.control(f"charges/{stripe_side.charge_of(payment_id)}/dispute", terms)["id"])
    eventually(lambda: _known(operator, dispute_id).get("opened_at"), seconds=10, what="the dispute is open")
    return dispute_id


def closed(operator: Operator, stripe_side: StripeSide, dispute_id: str, status: str) -> None:
    """The bank's decision, once it is booked."""
    stripe_side.control(f"disputes/{dispute_id}/close", {"status": status})
    eventually(lambda: _known(operator, dispute_id).get(f"{status}_at"), seconds=10, what=f"the dispute is {status}")


def _known(operator: Operator, dispute_id: str) -> dict[str, Any]:
    found = operator.get("disputes", limit=100)["data"]
    return next((one for one in found if one["stripe_dispute_id"] == dispute_id), {})


def assert_frozen(customer: Customer, key: Key) -> None:
    assert problem_of(customer.call(key, "echo/x"), 402, "account_frozen")["reason"] == "dispute"


def test_dispute_freezes_the_account_and_gives_back_what_it_took_once_won(
    customer: Customer, operator: Operator, stripe_side: StripeSide
) -> None:
    payment_id, key = customer.buy(), customer.key()
    dispute_id = disputed(operator, stripe_side, payment_id)
    assert customer.payment(payment_id)["status"] == "disputed"
    assert customer.credits() == 0
    problem_of(operator.refund(payment_id), 409, "not_refundable")
    customer.buy()
    assert_frozen(customer, key)
    assert operator.get(f"accounts/{customer.account_id}")["standing"] == "disputed"
    closed(operator, stripe_side, dispute_id, "won")
    assert customer.credits() == 2 * FIRST_KEY
    assert customer.call(key, "echo/x").status_code == 200
    assert customer.payment(payment_id)["status"] == "succeeded"
    assert operator.get(f"accounts/{customer.account_id}")["standing"] == "good"
    books.assert_whole(operator, customer)


def test_lost_dispute_of_a_part_keeps_that_part_and_marks_the_account(
    customer: Customer, operator: Operator, stripe_side: StripeSide
) -> None:
    payment_id, key = customer.buy(), customer.key()
    before = _revenue(operator)
    dispute_id = disputed(operator, stripe_side, payment_id, amount=200, reason="product_not_received")
    assert customer.credits() == FIRST_KEY - 2_000 * CREDIT
    assert_frozen(customer, key)
    closed(operator, stripe_side, dispute_id, "lost")
    assert customer.call(key, "echo/x").status_code == 200
    assert customer.payment(payment_id)["status"] == "disputed"
    problem_of(operator.refund(payment_id), 409, "not_refundable")
    assert operator.get(f"accounts/{customer.account_id}")["standing"] == "disputed"
    after = _revenue(operator)
    assert {part: after[part]["amount"] - before[part]["amount"] for part in ("disputed", "net")} == {
        "disputed": 200,
        "net": -200,
    }
    books.assert_whole(operator, customer)


def _revenue(operator: Operator) -> dict[str, Any]:
    found: dict[str, Any] = exact(operator.http.get("/metrics", headers=bearer(operator.token)))["revenue"]
    return found
