"""Saved cards: credits that run low buy more by themselves; a bank that wants its customer gets him by a link."""

from typing import Any

from tests.e2e import books
from tests.e2e.callers import ASKING_CARD, CREDIT, FIRST_KEY, Customer, Operator, authenticate, exact, pay, problem_of
from tests.e2e.waiting import eventually

TOP_UP = {"enabled": True, "threshold": 4_000, "credits": 5_000, "monthly_cap": 5_000}


def switch(customer: Customer, **changes: Any) -> None:
    answer = customer.send("PUT", "/api/v1/auto-top-up", {**TOP_UP, **changes})
    assert answer.status_code == 200, answer.text


def test_credits_that_run_low_are_topped_up_by_a_saved_card_up_to_the_cap(
    customer: Customer, operator: Operator
) -> None:
    problem_of(customer.send("PUT", "/api/v1/auto-top-up", TOP_UP), 409, "no_payment_method")
    customer.save_card()
    [card] = exact(customer.get("/api/v1/payment-methods"))["data"]
    assert (card["type"], card["brand"], card["last4"], card["is_default"]) == ("card", "visa", "4242", True)
    operator.grant(customer, 5_000)
    switch(customer)
    dear = operator.route("/echo", price={"per_call": 1_500})
    assert customer.call(customer.key(), f"{dear}/x").status_code == 200
    eventually(lambda: customer.credits() == FIRST_KEY + 3_500 * CREDIT, seconds=15, what="the card has bought more")
    told = exact(customer.get("/api/v1/auto-top-up"))
    assert (told["status"], told["bought_this_month"], told["declines"]) == ("active", 5_000, 0)
    assert customer.send("DELETE", f"/api/v1/payment-methods/{card['id']}").status_code == 204
    assert exact(customer.get("/api/v1/payment-methods"))["data"] == []
    switch_off = customer.send("PUT", "/api/v1/auto-top-up", {**TOP_UP, "enabled": False})
    assert exact(switch_off)["status"] == "off"
    books.assert_whole(operator, customer)


def test_bank_that_asks_for_its_customer_during_a_top_up_gets_him_by_a_link(
    customer: Customer, operator: Operator
) -> None:
    customer.save_card(ASKING_CARD)
    switch(customer)
    payment = eventually(lambda: _asking(customer), seconds=15, what="the top-up wants its customer")
    assert customer.credits() == 0
    page = pay(payment["next_action_url"], ASKING_CARD)
    assert page.status_code == 303
    authenticate(page.headers["location"])
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=10, what="the credits are there")
    assert "next_action_url" not in customer.payment(payment["id"])
    assert customer.payment(payment["id"])["status"] == "succeeded"
    switch(customer, enabled=False)
    books.assert_whole(operator, customer)


def _asking(customer: Customer) -> dict[str, Any]:
    payments = exact(customer.get("/api/v1/payments"))["data"]
    return next((one for one in payments if one["status"] == "requires_action"), {})
