"""Business time moved: what falls due on the way is done, all clocks agree, and a restart forgets nothing.

These tests leave the stack's business time ahead, so they come last.
"""

import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.e2e import books
from tests.e2e.callers import CREDIT, Customer, Operator, exact, pay, problem_of
from tests.e2e.running import ROOT, Running
from tests.e2e.waiting import eventually

DAY = timedelta(days=1)
ADVANCE = "test-clock/advance"


def advance(operator: Operator, step: timedelta) -> datetime:
    """What the clock says once all that was due has been done."""
    answer = operator.send("POST", ADVANCE, {"seconds": int(step.total_seconds())})
    assert answer.status_code == 200, answer.text
    return datetime.fromisoformat(answer.json()["now"])


def shown(operator: Operator) -> dict[str, Any]:
    clock: dict[str, Any] = operator.get("test-clock")
    return clock


def now(operator: Operator) -> datetime:
    return datetime.fromisoformat(shown(operator)["now"])


def grant(operator: Operator, customer: Customer, credits: int, *, expires_at: datetime) -> None:
    body = {"credits": credits, "reason": "a gift", "expires_at": expires_at.isoformat()}
    answer = operator.send("POST", f"accounts/{customer.account_id}/grants", body)
    assert answer.status_code == 201, answer.text


def test_clock_is_the_operators(customer: Customer, operator: Operator) -> None:
    problem_of(customer.post(f"/api/v1/admin/{ADVANCE}", {"seconds": 60}), 403, "forbidden")
    problem_of(customer.get("/api/v1/admin/test-clock"), 403, "forbidden")
    problem_of(customer.http.post(f"/api/v1/admin/{ADVANCE}", json={"seconds": 60}), 401, "unauthenticated")
    for seconds in (0, -1, 31 * 86_400 + 1, 1.5, "60", None, True):
        problem_of(operator.send("POST", ADVANCE, {"seconds": seconds}), 422, "validation_failed")


def test_what_falls_due_is_done_at_its_instant(
    new_customer: Callable[[], Customer], operator: Operator, running: Running
) -> None:
    gifted, leaving = new_customer(), new_customer()
    began = now(operator)
    grant(operator, gifted, 1_000, expires_at=began + 10 * DAY)
    payment_id = str(leaving.checkout().json()["payment_id"])

    assert advance(operator, timedelta(minutes=29)) < began + timedelta(minutes=30)
    assert leaving.payment(payment_id)["status"] == "pending"
    advance(operator, timedelta(minutes=2))
    assert leaving.payment(payment_id)["status"] == "expired", "the 30 minutes are over, for us and for Stripe"

    advance(operator, 9 * DAY)
    assert gifted.credits() == 1_000 * CREDIT, "a day is left of the gift"
    after = advance(operator, 2 * DAY)
    assert gifted.credits() == 0
    expired = gifted.transactions()[0]
    due = began + 10 * DAY
    assert due <= datetime.fromisoformat(str(expired["created_at"])) < due + timedelta(minutes=1)
    assert after - began >= 11 * DAY + timedelta(minutes=31)

    key_costs_what_it_did(new_customer(), operator)
    books.assert_whole(operator, gifted, leaving)
    all_clocks_agree(operator, running)


def key_costs_what_it_did(customer: Customer, operator: Operator) -> None:
    """Buying, keys and paid calls go on as they did, though business time is far ahead."""
    page = customer.checkout().json()["checkout_url"]
    assert pay(page).status_code == 303
    eventually(lambda: customer.credits() == 5_000 * CREDIT, seconds=5, what="the credits are there")
    called = customer.call(customer.key(), "echo/later")
    assert called.status_code == 200, called.text
    assert datetime.fromisoformat(str(customer.record_of(called)["created_at"])) > now(operator) - timedelta(minutes=1)
    usage = exact(customer.get("/api/v1/usage"))
    assert [bucket["calls"] for bucket in usage["data"]] == [1]


def all_clocks_agree(operator: Operator, running: Running) -> None:
    sandbox = httpx.get(f"{running.url('stripe_sandbox')}/test/clock", trust_env=False).json()
    clock = shown(operator)
    assert sandbox["ahead_seconds"] == clock["ahead_seconds"]
    ahead = datetime.fromisoformat(clock["now"]) - datetime.fromisoformat(clock["real_now"])
    assert ahead == timedelta(seconds=clock["ahead_seconds"])


def test_restart_keeps_the_time_and_the_sandbox_alone_is_caught_up_with(operator: Operator, running: Running) -> None:
    before = advance(operator, DAY)
    gone = running.pids("billing") + running.pids("gateway")
    running.kill("billing")
    running.kill("gateway")
    running.wait_until_replaced("billing", gone, seconds=30)
    running.wait_until_well(seconds=30)
    assert now(operator) >= before

    moved = httpx.post(
        f"{running.url('stripe_sandbox')}/test/clock/advance", json={"seconds": 3_600}, trust_env=False, timeout=20
    )
    assert moved.status_code == 200
    assert advance(operator, timedelta(seconds=1)) >= before + timedelta(hours=1)
    all_clocks_agree(operator, running)


def test_command_moves_it_and_shows_it(operator: Operator, running: Running) -> None:
    before = now(operator)
    command = [sys.executable, "-m", "deploy.cli", "clock", "--data-dir", str(running.data)]
    moved = subprocess.run(
        [*command[:4], "advance", "32d", *command[4:]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert moved.returncode == 0, moved.stderr
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    assert datetime.fromisoformat(said.stdout.split()[0]) >= before + 32 * DAY
    assert "ahead of real time" in said.stdout
