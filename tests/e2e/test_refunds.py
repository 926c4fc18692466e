"""Money back: in parts, no more than was paid, by operators alone; spent credits freeze the account until it pays."""

from tests.e2e import books
from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Operator, bearer, exact, problem_of


def test_refund_in_parts_takes_credits_in_proportion_and_no_more_than_was_paid(
    customer: Customer, operator: Operator
) -> None:
    payment_id = customer.buy()
    path = f"/api/v1/payments/{payment_id}/refund"
    problem_of(customer.post(path, {}), 403, "forbidden")
    headers = {**bearer(operator.token), "Idempotency-Key": f"part-of-{payment_id}"}
    body = {"amount": {"amount": 123, "currency": "usd"}, "reason": "Too slow"}
    first, repeat = (operator.http.post(path, json=body, headers=headers) for _ in range(2))
    assert (first.status_code, exact(first)["credits"]) == (201, 1_230)
    assert repeat.headers["idempotent-replayed"] == "true"
    assert repeat.text == first.text
    assert customer.credits() == FIRST_KEY - 1_230 * CREDIT
    assert customer.payment(payment_id)["status"] == "partially_refunded"

    problem = problem_of(operator.refund(payment_id, 378), 422, "refund_exceeds_payment")
    assert problem["refundable"] == {"amount": 377, "currency": "usd"}
    assert exact(operator.refund(payment_id))["amount"] == {"amount": 377, "currency": "usd"}
    problem_of(operator.refund(payment_id), 409, "not_refundable")
    paid = customer.payment(payment_id)
    assert (paid["status"], paid["refunded"]) == ("refunded", {"amount": 500, "currency": "usd"})
    listed = exact(customer.get(f"/api/v1/payments/{payment_id}/refunds"))["data"]
    assert [(one["credits"], one["status"]) for one in listed] == [(3_770, "succeeded"), (1_230, "succeeded")]
    assert customer.credits() == 0
    books.assert_whole(operator, customer)


def test_refund_of_spent_credits_freezes_the_account_until_it_is_paid(customer: Customer, operator: Operator) -> None:
    dear = operator.route("/echo", price={"per_call": 3_000})
    payment_id, key = customer.buy(), customer.key()
    assert customer.call(key, f"{dear}/x").status_code == 200
    assert operator.refund(payment_id).status_code == 201
    assert customer.credits() == -3_000 * CREDIT
    problem = problem_of(customer.call(key, "echo/x"), 402, "account_frozen")
    assert (problem["reason"], problem["credits"], problem["checkout_path"]) == (
        "negative_balance",
        -3_000,
        "/credits/buy",
    )
    assert operator.get(f"accounts/{customer.account_id}")["standing"] == "negative_balance"
    customer.buy()
    assert customer.call(key, "echo/x").status_code == 200
    assert operator.get(f"accounts/{customer.account_id}")["standing"] == "good"
    books.assert_whole(operator, customer, least=-3_000 * CREDIT)
