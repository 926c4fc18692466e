"""The main job, from outside: register, be refused, pay, get a key, call, be charged, be refused again."""

import subprocess
import sys

from tests.e2e import books
from tests.e2e.callers import (
    CREDIT,
    DECLINED_CARD,
    FIRST_KEY,
    SECONDS_TO_CREDIT,
    Customer,
    Operator,
    charged,
    exact,
    millicredits,
    pay,
    problem_of,
)
from tests.e2e.running import ROOT, Running
from tests.e2e.waiting import eventually

CHAT = {"model": "any", "messages": [{"role": "user", "content": "What does a toll buy?"}]}


def test_newcomer_pays_gets_a_key_and_spends_it_to_the_last_credit(customer: Customer, operator: Operator) -> None:
    refusal = problem_of(customer.post("/api/v1/auth/api-key", {"name": "first"}), 402, "insufficient_credits")
    assert millicredits(refusal["credits"]) == 0
    assert millicredits(refusal["required"]) == FIRST_KEY
    assert refusal["checkout_path"] == "/credits/buy"

    payment_id = customer.buy(5_000)
    assert customer.wallet() == {"credits": FIRST_KEY, "held": 0, "available": FIRST_KEY}
    bought = customer.transactions()
    assert [(one["credits"], one["reference"]) for one in bought] == [(FIRST_KEY, payment_id)]
    assert exact(customer.get(f"/api/v1/payments/{payment_id}"))["status"] == "succeeded"

    key = customer.key(name="first")
    for number in range(1, 4):
        answer = customer.call(key, f"echo/hello/{number}?to=you")
        assert answer.status_code == 200
        assert answer.json()["path"] == f"/hello/{number}"
        assert charged(answer) == CREDIT
        assert millicredits(answer.headers["x-credits-remaining"]) == FIRST_KEY - number * CREDIT

    chat = customer.call(key, "demo/v1/chat/completions", "POST", json=CHAT)
    assert charged(chat) == chat.json()["usage"]["total_tokens"]

    costly = operator.route("/echo", price={"per_call": 1_000})
    statuses = [customer.call(key, f"{costly}/big").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 402]
    left = FIRST_KEY - 3 * CREDIT - charged(chat) - 4_000 * CREDIT
    assert customer.credits() == left
    assert customer.call(key, "echo/still-covered").status_code == 200
    books.assert_whole(operator, customer)


def test_credits_are_numbers_with_three_decimals_and_never_a_float(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 0.1)
    operator.grant(customer, 0.2)
    assert customer.get("/api/v1/credits").text.replace(" ", "").startswith('{"credits":0.3,')
    books.assert_whole(operator, customer)


def test_declined_card_leaves_the_credits_unchanged(customer: Customer, operator: Operator) -> None:
    page = customer.checkout().json()["checkout_url"]
    declined = pay(page, DECLINED_CARD)
    assert declined.status_code == 402
    assert "declined" in declined.text
    assert customer.credits() == 0
    assert pay(page).status_code == 303, "another card pays the same page"
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=SECONDS_TO_CREDIT, what="the credits are there")
    books.assert_whole(operator, customer)


def test_demo_tells_the_story_without_a_surprise(running: Running) -> None:
    command = [sys.executable, "-m", "deploy.local.demo", "--data-dir", str(running.data)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "402" in told.stdout
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert again.returncode == 0, again.stdout + again.stderr


def test_demo_without_a_stack_says_what_to_do(tmp_path: object) -> None:
    command = [sys.executable, "-m", "deploy.local.demo", "--data-dir", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode != 0
    assert "make run" in told.stderr
    assert "Traceback" not in told.stderr
