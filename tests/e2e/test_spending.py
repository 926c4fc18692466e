"""Many at once on one balance: never more than is there, and what is refused never reaches the upstream."""

import uuid
from collections import Counter

import httpx
import pytest

from tests.e2e import books
from tests.e2e.callers import CREDIT, Customer, Operator, charged, exact, millicredits, problem_of, side_by_side
from tests.e2e.waiting import eventually


def calls_that_arrived(operator: Operator, prefix: str) -> int:
    """How many requests the upstream itself has seen under a path."""
    answer = httpx.get(f"{operator.upstream}/calls", params={"prefix": prefix}, timeout=10, trust_env=False)
    return int(answer.json()["total"])


@pytest.mark.parametrize("time", ["first", "second"])
def test_fifty_calls_at_once_on_credits_for_twenty(customer: Customer, operator: Operator, time: str) -> None:
    """33 of attacks and faults: 50 at once at 250 credits on 5,000, over three keys and two routes."""
    operator.grant(customer, 5_000)
    keys = [customer.key(name=f"key {number}") for number in range(3)]
    here = f"/echo/{uuid.uuid4().hex}"
    routes = [operator.route(here, price={"per_call": 250}) for _ in range(2)]

    def call(number: int) -> httpx.Response:
        return customer.call(keys[number % 3], f"{routes[number % 2]}/{time}/{number}")

    answers = side_by_side(call, list(range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 20, 402: 30}
    assert calls_that_arrived(operator, f"{here}/{time}/") == 20
    for answer in answers:
        if answer.status_code == 402:
            assert millicredits(problem_of(answer, 402, "insufficient_credits")["credits"]) == 0
            assert "x-credits-charged" not in answer.headers
    remaining = sorted(millicredits(a.headers["x-credits-remaining"]) for a in answers if a.status_code == 200)
    assert remaining == [number * 250 * CREDIT for number in range(20)], "each call saw its own place in the row"
    assert customer.wallet() == {"credits": 0, "held": 0, "available": 0}
    books.assert_whole(operator, customer)


def test_token_priced_calls_at_once_never_overspend(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    dear = operator.route("/demo", price={"per_1000_tokens": 20_000}, format="openai", max_hold=1_000)
    body = {"model": "m", "messages": [{"role": "user", "content": "words=30"}], "max_tokens": 40}
    answers = side_by_side(
        lambda _: customer.call(key, f"{dear}/v1/chat/completions", "POST", json=body), list(range(20))
    )
    assert {answer.status_code for answer in answers} <= {200, 402}
    paid = [answer for answer in answers if answer.status_code == 200]
    assert paid
    for answer in paid:
        assert charged(answer) <= answer.json()["usage"]["total_tokens"] * 20 * CREDIT
    assert customer.credits() == 5_000 * CREDIT - sum(map(charged, paid))
    books.assert_whole(operator, customer)


def test_thousand_tokens_cost_one_credit(customer: Customer, operator: Operator) -> None:
    """A token is a millicredit, in one call or in many (C4)."""
    operator.grant(customer, 5_000)
    key = customer.key()
    body = {"model": "m", "messages": [{"role": "user", "content": "words=5"}]}
    answers = [customer.call(key, "demo/v1/chat/completions", "POST", json=body) for _ in range(5)]
    tokens = sum(answer.json()["usage"]["total_tokens"] for answer in answers)
    assert sum(map(charged, answers)) == tokens
    assert customer.credits() == 5_000 * CREDIT - tokens
    books.assert_whole(operator, customer)


@pytest.mark.parametrize(
    ("path", "status", "cost"),
    [
        ("status/200", 200, CREDIT),
        ("status/204", 204, CREDIT),
        ("status/302", 302, CREDIT),
        ("status/404", 404, 0),
        ("status/500", 500, 0),
        ("status/503", 503, 0),
        ("drop", 502, 0),
    ],
)
def test_upstream_failures_are_passed_on_and_not_charged(
    customer: Customer, operator: Operator, path: str, status: int, cost: int
) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    customer.http.event_hooks = {"response": []}  # 500 is the upstream's own here
    answer = customer.call(key, f"echo/{path}")
    assert answer.status_code == status
    assert charged(answer) == cost
    assert customer.credits() == 5_000 * CREDIT - cost
    net = sum(one["credits"] for one in customer.transactions() if one["reference"] == answer.headers["x-request-id"])
    assert net == -cost
    outcome = "delivered" if cost else "upstream_failed"
    eventually(lambda: customer.record_of(answer)["outcome"] == outcome, seconds=3, what=f"the outcome is {outcome}")
    books.assert_whole(operator, customer)


def test_hanging_upstream_is_given_up_and_not_charged(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    hasty = operator.route("/echo", price={"per_call": 1}, timeout_ms=500)
    answer = customer.call(customer.key(), f"{hasty}/delay/5000")
    problem_of(answer, 504, "upstream_timeout")
    assert charged(answer) == 0
    assert customer.credits() == 5_000 * CREDIT
    books.assert_whole(operator, customer)


def test_caller_cannot_name_what_it_used(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    lies = {"X-Usage-Units": "0", "X-Credits-Charged": "0", "X-Credits-Remaining": "9"}
    answer = customer.http.get("/proxy/echo/x", headers={**lies, "X-API-Key": key.text})
    assert charged(answer) == CREDIT
    assert not {"x-api-key", "authorization", "x-credits-charged"} & set(answer.json()["headers"])
    assert not [name for name in answer.json()["headers"] if name.startswith("x-tollgate")]
    assert exact(answer)["path"] == "/x"
    books.assert_whole(operator, customer)
