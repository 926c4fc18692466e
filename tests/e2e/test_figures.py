"""`GET /metrics` against a counted scenario (C9): conversion, revenue by user, key attempts, calls refused."""

from typing import Any

from tests.e2e.callers import FIRST_KEY, Customer, Operator, bearer, exact, pay, problem_of
from tests.e2e.waiting import eventually


def figures(operator: Operator) -> dict[str, Any]:
    answer = operator.http.get("/metrics", headers=bearer(operator.token))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = exact(answer)
    return told


def test_metrics_are_what_was_counted(operator: Operator, new_customer: Any) -> None:
    before = figures(operator)
    buyer, leaver, poor = new_customer(), new_customer(), new_customer()
    problem_of(poor.post("/api/v1/auth/api-key", {"name": "first"}), 402, "insufficient_credits")
    assert pay(buyer.checkout().json()["checkout_url"]).status_code == 303
    eventually(lambda: buyer.credits() == FIRST_KEY, seconds=5, what="the credits are there")
    left = leaver.checkout().json()["payment_id"]
    assert leaver.send("POST", f"/api/v1/payments/{left}/cancel").status_code == 200
    key = buyer.key()
    operator.send("POST", f"accounts/{buyer.account_id}/debits", {"credits": 5_000, "reason": "Spent"})
    problem_of(buyer.call(key, "echo/x"), 402, "insufficient_credits")

    after = figures(operator)
    assert {name: after["purchases"][name] - before["purchases"][name] for name in ("begun", "paid")} == {
        "begun": 2,
        "paid": 1,
    }
    conversion = after["purchases"]["paid"] * 10_000 // after["purchases"]["begun"]
    assert after["purchases"]["conversion"] == f"0.{conversion:04d}"
    assert after["accounts"] - before["accounts"] == 3
    assert after["revenue"]["net"]["amount"] - before["revenue"]["net"]["amount"] == 500
    assert after["revenue"]["per_account"]["amount"] == after["revenue"]["net"]["amount"] // after["accounts"]
    changed = {name: after["keys"][name] - before["keys"].get(name, 0) for name in after["keys"]}
    assert changed == {"issued": 1, "refused_for_credit": 1, "refused": 0}
    assert after["calls"]["refused_for_credit"] - before["calls"]["refused_for_credit"] == 1


def test_metrics_are_not_everybodys(customer: Customer) -> None:
    problem_of(customer.get("/metrics"), 403, "forbidden")
