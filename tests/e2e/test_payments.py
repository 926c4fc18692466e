"""Money in: the success page grants nothing, a page is paid once, the limit of S14 holds for checkouts at once."""

import uuid
from collections.abc import Callable

import httpx

from tests.e2e import books
from tests.e2e.callers import FIRST_KEY, Customer, Operator, exact, pay, problem_of, side_by_side
from tests.e2e.stripe_side import StripeSide
from tests.e2e.waiting import eventually


def test_success_page_alone_grants_nothing(
    customer: Customer, new_customer: Callable[[], Customer], stripe_side: StripeSide, operator: Operator
) -> None:
    session = stripe_side.session(customer.checkout().json()["checkout_url"])
    payer = new_customer()
    paid = stripe_side.session((paid_begun := payer.checkout().json())["checkout_url"])
    assert pay(paid_begun["checkout_url"]).status_code == 303
    eventually(lambda: payer.credits() == FIRST_KEY, seconds=2, what="the payer has credits")
    for session_id in (session["id"], paid["id"], "cs_test_nothing", ""):
        shown = customer.http.get(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))
        assert shown.status_code < 500
    assert customer.credits() == 0
    assert exact(customer.get("/api/v1/payments"))["data"][0]["status"] == "pending"
    books.assert_whole(operator, customer, payer)


def test_payment_page_posted_ten_times_at_once_charges_once(
    customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    page = customer.checkout().json()["checkout_url"]
    form = {"number": "4242424242424242", "exp": "12/34", "cvc": "123", "name": "Ada", "amount": "1", "credits": "9"}
    answers = side_by_side(
        lambda _: httpx.post(page, data=form, timeout=20, trust_env=False).status_code, list(range(10))
    )
    assert 303 in answers
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=2, what="the ordered credits are there")
    assert len(customer.transactions()) == 1
    books.assert_whole(operator, customer)


def test_of_four_checkouts_of_five_dollars_at_once_two_are_begun(customer: Customer, operator: Operator) -> None:
    answers = side_by_side(lambda _: customer.checkout(5_000), list(range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 403, 403]
    for refused in (answer for answer in answers if answer.status_code == 403):
        problem = problem_of(refused, 403, "credit_limit_exceeded")
        assert problem["limit"] == {"amount": 1000, "currency": "usd"}
        assert problem["available"] == {"amount": 0, "currency": "usd"}
    books.assert_whole(operator, customer)


def test_left_checkout_frees_what_it_reserved_once_canceled(customer: Customer) -> None:
    first = customer.checkout(10_000)
    assert first.status_code == 201
    problem_of(customer.checkout(5_000), 403, "credit_limit_exceeded")
    canceled = customer.send("POST", f"/api/v1/payments/{first.json()['payment_id']}/cancel")
    assert canceled.status_code == 200, canceled.text
    assert canceled.json()["status"] in ("canceled", "expired")
    assert customer.checkout(10_000).status_code == 201


def test_verified_customer_may_spend_a_hundred_dollars(customer: Customer, operator: Operator) -> None:
    operator.change(customer, tier="verified")
    assert customer.checkout(100_000).status_code == 201
    problem_of(customer.checkout(5_000), 403, "credit_limit_exceeded")


def test_same_checkout_sent_ten_times_at_once_is_one_payment(customer: Customer) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    answers = side_by_side(
        lambda _: customer.post("/api/v1/credits/checkout", {"credits": 5_000}, **key), list(range(10))
    )
    begun = [answer.json()["payment_id"] for answer in answers if answer.status_code == 201]
    assert begun
    assert len(set(begun)) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(exact(customer.get("/api/v1/payments"))["data"]) == 1
    other = customer.post("/api/v1/credits/checkout", {"credits": 6_000}, **key)
    problem_of(other, 422, "idempotency_key_reused")
