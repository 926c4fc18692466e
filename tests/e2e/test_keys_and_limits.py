"""Keys: the two gates, the one second of a revoked one, the buckets; suspended accounts."""

import time
from collections import Counter

import httpx

from tests.e2e import books
from tests.e2e.callers import (
    CREDIT,
    FIRST_KEY,
    PASSWORD,
    Customer,
    Operator,
    bearer,
    exact,
    millicredits,
    problem_of,
    register,
    side_by_side,
)
from tests.e2e.running import Running
from tests.e2e.waiting import eventually

SECONDS_TO_REVOKE = 1.0


def test_first_key_needs_five_thousand_credits_to_the_millicredit(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 4_999.999)
    refusal = problem_of(customer.post("/api/v1/auth/api-key", {"name": "k"}), 402, "insufficient_credits")
    assert millicredits(refusal["credits"]) == FIRST_KEY - 1
    operator.grant(customer, 0.001)
    customer.key()


def test_further_key_needs_one_credit_even_after_the_first_was_revoked(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    first = customer.key()
    debit = operator.send("POST", f"accounts/{customer.account_id}/debits", {"credits": 4_999, "reason": "a test"})
    assert debit.status_code == 201, debit.text
    assert customer.send("DELETE", f"/api/v1/auth/api-keys/{first.id}").status_code == 204
    customer.key()
    debit = operator.send("POST", f"accounts/{customer.account_id}/debits", {"credits": 0.001, "reason": "a test"})
    assert debit.status_code == 201, debit.text
    refusal = problem_of(customer.post("/api/v1/auth/api-key", {"name": "k"}), 402, "insufficient_credits")
    assert millicredits(refusal["required"]) == CREDIT
    books.assert_whole(operator, customer)


def test_revoked_key_is_refused_within_a_second_though_it_was_just_used(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    assert customer.call(key, "echo/warm").status_code == 200
    assert customer.send("DELETE", f"/api/v1/auth/api-keys/{key.id}").status_code == 204
    revoked_at = time.monotonic()
    last_success = revoked_at
    while time.monotonic() < revoked_at + SECONDS_TO_REVOKE:
        asked_at = time.monotonic()
        if customer.call(key, "echo/revoked").status_code == 200:
            last_success = asked_at
    assert last_success - revoked_at < SECONDS_TO_REVOKE
    problem_of(customer.call(key, "echo/revoked"), 401, "invalid_api_key")
    listed = exact(customer.get("/api/v1/auth/api-keys"))
    assert key.text not in customer.get("/api/v1/auth/api-keys").text
    assert all("key" not in one for one in listed["data"])


def test_burst_of_130_calls_passes_the_bucket_and_no_more(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    forms = (bearer(key.text), {"X-API-Key": key.text})
    began_at = time.monotonic()
    answers = side_by_side(
        lambda number: customer.http.get(f"/proxy/echo/burst/{number}", headers=forms[number % 2]),
        list(range(130)),
        threads=16,
    )
    refilled = (time.monotonic() - began_at) * 100 / 60
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) == {200, 429}, codes
    assert 100 <= codes[200] <= 100 + refilled + 1
    for answer in answers:
        assert "q=100;w=60" in answer.headers["ratelimit-policy"]
        if answer.status_code == 429:
            problem_of(answer, 429, "rate_limited")
            assert int(answer.headers["retry-after"]) >= 1
    assert customer.credits() == 5_000 * CREDIT - codes[200] * CREDIT, "a limited call costs nothing"
    books.assert_whole(operator, customer)


def test_customer_may_only_lower_limits_and_an_operators_change_holds_within_a_second(
    customer: Customer, operator: Operator
) -> None:
    operator.grant(customer, 5_000)
    key = customer.key(limits={"per_minute": 5, "per_day": 100})
    assert [customer.call(key, "echo/x").status_code for _ in range(6)] == [200] * 5 + [429]
    path = f"/api/v1/auth/api-keys/{key.id}"
    assert customer.send("PATCH", path, {"limits": {"per_minute": 101, "per_day": 100}}).status_code == 422
    operator.limit(key, per_minute=1_000, per_day=None)
    eventually(lambda: customer.call(key, "echo/x").status_code == 200, seconds=2, what="the new limit holds")


def test_suspended_account_reads_and_nothing_else(customer: Customer, operator: Operator, running: Running) -> None:
    operator.grant(customer, 5_000)
    key = customer.key()
    assert customer.call(key, "echo/x").status_code == 200
    operator.change(customer, status="suspended")
    eventually(lambda: customer.call(key, "echo/x").status_code == 403, seconds=1.5, what="keys are refused")
    problem_of(customer.call(key, "echo/x"), 403, "account_suspended")
    problem_of(customer.checkout(), 403, "account_suspended")
    problem_of(customer.post("/api/v1/auth/api-key", {"name": "k"}), 403, "account_suspended")
    assert customer.get("/api/v1/credits").status_code == 200
    again = customer.http.post("/api/v1/auth/login", json={"email": customer.email, "password": PASSWORD})
    assert again.status_code == 200
    assert again.json()["account"]["status"] == "suspended"
    operator.change(customer, status="active")
    eventually(lambda: customer.call(key, "echo/x").status_code == 200, seconds=1.5, what="the key works again")
    books.assert_whole(operator, customer)


def test_session_ends_with_its_sign_out(customer: Customer) -> None:
    assert customer.http.post("/api/v1/auth/logout", headers=bearer(customer.token)).status_code == 204
    eventually(lambda: customer.get("/api/v1/account").status_code == 401, seconds=1.5, what="the session is over")


def test_key_is_confined_to_its_scopes_and_addresses(customer: Customer, operator: Operator) -> None:
    operator.grant(customer, 5_000)
    echo_only = customer.key(scopes=["proxy:echo"])
    assert customer.call(echo_only, "echo/x").status_code == 200
    problem_of(customer.call(echo_only, "demo/v1/models"), 403, "key_not_allowed")
    credits = customer.http.get("/api/v1/credits", headers=bearer(echo_only.text))
    problem_of(credits, 403, "key_not_allowed")
    elsewhere = customer.key(allowed_ips=["192.0.2.0/24"])
    problem_of(customer.call(elsewhere, "echo/x"), 403, "key_not_allowed")
    spoofed = {**bearer(elsewhere.text), "X-Forwarded-For": "192.0.2.7, 198.51.100.1", "X-Real-IP": "192.0.2.7"}
    problem_of(customer.http.get("/proxy/echo/x", headers=spoofed), 403, "key_not_allowed")
    honest = {**bearer(elsewhere.text), "X-Forwarded-For": "192.0.2.7"}
    assert customer.http.get("/proxy/echo/x", headers=honest).status_code == 200


def test_sixth_wrong_password_is_told_to_wait(running: Running) -> None:
    customer = register(running.gateway)

    def guess(number: int) -> httpx.Response:
        email = customer.email.upper() if number % 2 else customer.email
        body = {"email": email, "password": f"wrong password {number}"}
        return customer.http.post("/api/v1/auth/login", json=body)

    answers = side_by_side(guess, list(range(12)))
    codes = Counter(answer.status_code for answer in answers)
    assert set(codes) == {401, 429}
    assert codes[401] <= 5
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
