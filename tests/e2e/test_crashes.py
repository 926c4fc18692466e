"""Stores and services that die or stand still in a run of calls: what was answered is charged once, the rest at most.
`kill -9` of the gateway and of billing is in `test_crowd.py`.

A model outside keeps what was acknowledged: each complete answer with its `X-Request-Id` and `X-Credits-Charged`.
Afterwards the ledger must say the same, and hold nothing back.
"""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import pytest
from redis import Redis

from tests.e2e import books
from tests.e2e.callers import CREDIT, FIRST_KEY, Customer, Key, Operator, charged, pay, side_by_side
from tests.e2e.running import Running
from tests.e2e.waiting import eventually

BUDGET = 100_000
CALLERS = 8
HEALED_WITHIN = 10.0
HOLDS_END_WITHIN = 20.0
Ask = Callable[[httpx.Client, Key, int], httpx.Response]


@dataclass
class Run:
    """What callers were told. `lost` counts calls without a complete answer."""

    answers: list[httpx.Response] = field(default_factory=list)
    lost: int = 0

    def statuses(self) -> Counter[int]:
        return Counter(answer.status_code for answer in self.answers)

    def paid(self) -> list[httpx.Response]:
        return [answer for answer in self.answers if answer.status_code == 200]


class Callers:
    """So many callers who go on asking, one call after the other, until they are told to stop."""

    def __init__(self, customer: Customer, key: Key, ask: Ask) -> None:
        self.run = Run()
        self._customer, self._key, self._ask = customer, key, ask
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._number = 0
        self._threads = [threading.Thread(target=self._go_on) for _ in range(CALLERS)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more_paid(self, count: int, *, seconds: float) -> None:
        wanted = len(self.run.paid()) + count
        eventually(lambda: len(self.run.paid()) >= wanted, seconds=seconds, what=f"{count} more calls are paid")

    def _go_on(self) -> None:
        while not self._stopped.is_set():
            with self._lock:
                self._number += 1
                number = self._number
            self._one(number)

    def _one(self, number: int) -> None:
        try:
            answer = self._ask(self._customer.http, self._key, number)
        except httpx.TransportError:
            with self._lock:
                self.run.lost += 1
            time.sleep(0.05)
            return
        with self._lock:
            self.run.answers.append(answer)
        if answer.status_code != 200:
            time.sleep(0.05)


def echo(http: httpx.Client, key: Key, number: int) -> httpx.Response:
    return http.get(f"/proxy/echo/run/{number}", headers={"X-API-Key": key.text})


@pytest.fixture
def spender(customer: Customer, operator: Operator) -> tuple[Customer, Key]:
    """A customer with plenty of credits and a key without limits."""
    operator.grant(customer, BUDGET)
    key = customer.key()
    operator.limit(key, per_minute=None, per_day=None)
    eventually(
        lambda: "ratelimit" not in customer.call(key, "echo/limits").headers, seconds=3, what="the limits are lifted"
    )
    return customer, key


def assert_each_charged_as_answered(customer: Customer, run: Run) -> None:
    """Every complete 200 is charged exactly what it said; a refusal costs nothing; a lost call at most once."""
    cost = books.net_by_reference(customer)
    known = set()
    for answer in run.answers:
        reference = answer.headers["x-request-id"]
        known.add(reference)
        if answer.status_code != 200:
            assert cost.get(reference, 0) == 0, f"{answer.status_code} was charged: {answer.text[:300]}"
        elif "x-credits-charged" in answer.headers:
            assert cost.get(reference) == charged(answer), f"{reference} is charged {cost.get(reference)}"
        else:
            assert cost.get(reference, 0) > 0, f"the stream {reference} was free"
    assert len(known) == len(run.answers), "no request id is given twice"


def unknown_costs(customer: Customer, run: Run, *, beside: int) -> list[int]:
    """What was charged for calls that nobody got an answer to; `beside` calls were made outside of the run."""
    known = {answer.headers["x-request-id"] for answer in run.answers}
    costs = [
        cost for reference, cost in books.net_by_reference(customer).items() if reference not in known and cost > 0
    ]
    assert len(costs) <= run.lost + beside, f"{len(costs)} lost calls are charged, {run.lost} were lost"
    return costs


def test_killed_postgres_loses_no_acknowledged_charge(
    running: Running, spender: tuple[Customer, Key], operator: Operator
) -> None:
    customer, key = spender
    with Callers(customer, key, echo) as callers:
        callers.wait_for_more_paid(60, seconds=20)
        gone = running.pids("postgres")
        running.kill("postgres")
        running.wait_until_replaced("postgres", gone, seconds=HEALED_WITHIN)
        callers.wait_for_more_paid(60, seconds=HEALED_WITHIN)
    assert set(callers.run.statuses()) <= {200, 503}, callers.run.statuses()
    running.wait_until_well(seconds=HEALED_WITHIN)
    assert_each_charged_as_answered(customer, callers.run)
    assert set(unknown_costs(customer, callers.run, beside=10)) <= {CREDIT}
    books.assert_whole(operator, customer, holds_end_within=HOLDS_END_WITHIN)


@pytest.mark.parametrize("fault", ["flushed", "killed"])
def test_redis_may_lose_everything(
    running: Running, spender: tuple[Customer, Key], operator: Operator, fault: str
) -> None:
    """Calls go on by each process's own count; no key, credit or session is lost."""
    customer, key = spender
    with Callers(customer, key, echo) as callers:
        callers.wait_for_more_paid(30, seconds=20)
        if fault == "killed":
            gone = running.pids("redis")
            running.kill("redis")
            running.wait_until_replaced("redis", gone, seconds=HEALED_WITHIN)
        else:
            flush(running.stack()["redis_url"])
        callers.wait_for_more_paid(60, seconds=HEALED_WITHIN)
    assert set(callers.run.statuses()) == {200}, callers.run.statuses()
    running.wait_until_well(seconds=HEALED_WITHIN)
    assert_each_charged_as_answered(customer, callers.run)
    books.assert_whole(operator, customer)


def flush(redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.flushall()


def test_calls_while_billing_is_stopped_are_never_free(
    running: Running, spender: tuple[Customer, Key], operator: Operator
) -> None:
    """A billing that neither answers nor dies: 503 at the deadline, nothing twice once it goes on. A call that comes
    while what was left is being undone may be told to try again in a second."""

    customer, key = spender
    before = customer.credits()
    stopped = running.pids("billing")
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        answers = side_by_side(lambda number: echo(customer.http, key, number), list(range(10)))
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    assert {answer.status_code for answer in answers} == {503}
    running.wait_until_well(seconds=HEALED_WITHIN)
    eventually(lambda: customer.call(key, "echo/after").status_code == 200, seconds=5, what="billing works on")
    eventually(lambda: customer.credits() == before - CREDIT, seconds=15, what="no refused call stays charged")
    books.assert_whole(operator, customer)


def test_killed_billing_credits_a_payment_once_it_is_back(running: Running, customer: Customer) -> None:
    begun = customer.checkout().json()
    running.kill("billing")
    assert pay(begun["checkout_url"]).status_code == 303
    running.wait_until_well(seconds=HEALED_WITHIN)
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=15, what="the webhook's retry brings the credits")
    assert len(customer.transactions()) == 1
