"""Credits in currencies of two, no and three decimals, at a stated rate, there and back; 3-D Secure on the way."""

from collections.abc import Callable

import pytest

from tests.e2e import books
from tests.e2e.callers import ASKING_CARD, CREDIT, FIRST_KEY, Customer, Operator, authenticate, exact, pay, problem_of
from tests.e2e.waiting import eventually

PRICES = {"eur": (460, "0.92", 115), "jpy": (775, "155", 155), "bhd": (1_880, "0.376", 470)}
"""Of 5,000 credits at the shipped rates, the rate, and what is then sent back, in minor units."""


def bought(customer: Customer, currency: str) -> str:
    """5,000 credits, the bank having asked; the payment's id."""
    begun = customer.checkout(5_000, currency=currency)
    assert begun.status_code == 201, begun.text
    page = pay(begun.json()["checkout_url"], ASKING_CARD)
    assert page.status_code == 303
    authenticate(page.headers["location"])
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=10, what="the credits are there")
    return str(begun.json()["payment_id"])


@pytest.mark.parametrize("currency", PRICES)
def test_credits_are_sold_and_taken_back_at_the_payments_rate(
    currency: str, new_customer: Callable[[], Customer], operator: Operator
) -> None:
    price, rate, back = PRICES[currency]
    customer = new_customer()
    payment_id = bought(customer, currency)
    payment = customer.payment(payment_id)
    assert (payment["amount"], payment["rate"]) == ({"amount": price, "currency": currency}, rate)
    refund = operator.refund(payment_id, back, currency=currency)
    assert refund.status_code == 201, refund.text
    taken = FIRST_KEY * back // price
    assert customer.credits() == FIRST_KEY - taken
    assert exact(refund)["credits"] * CREDIT == taken
    books.assert_whole(operator, customer)


def test_currency_without_a_rate_is_refused(customer: Customer) -> None:
    problem = problem_of(customer.checkout(5_000, currency="chf"), 422, "validation_failed")
    assert [fault["pointer"] for fault in problem["errors"]] == ["/currency"]
