"""What is refused, in which order, and that nothing of another account is ever visible."""

import uuid
from collections.abc import Callable

import pytest

from tests.e2e import books
from tests.e2e.callers import Customer, Key, Operator, bearer, connect, exact, problem_of
from tests.e2e.running import Running
from tests.e2e.waiting import eventually

UNKNOWN_KEY = "tg_live_" + "A" * 43 + "_000000"
CUSTOMERS_ONLY = (
    ("GET", "/api/v1/account"),
    ("GET", "/api/v1/auth/api-keys"),
    ("POST", "/api/v1/auth/api-key"),
    ("GET", "/api/v1/credits/transactions"),
    ("POST", "/api/v1/credits/checkout"),
    ("GET", "/api/v1/payments"),
)
OPERATORS_ONLY = (
    ("GET", "/api/v1/admin/accounts"),
    ("GET", "/api/v1/admin/routes"),
    ("POST", "/api/v1/admin/routes"),
    ("GET", "/api/v1/admin/webhook-events"),
    ("GET", "/api/v1/admin/ledger/verify"),
    ("GET", "/api/v1/admin/reports/revenue"),
    ("GET", "/api/v1/admin/blacklist"),
    ("POST", "/api/v1/admin/blacklist"),
    ("GET", "/api/v1/admin/incidents"),
    ("GET", "/api/v1/admin/audit"),
    ("GET", "/api/v1/admin/accounts/acct_01JAAAAAAAAAAAAAAAAAAAAAAA/transactions"),
)


@pytest.fixture
def paying(customer: Customer, operator: Operator) -> tuple[Customer, Key]:
    operator.grant(customer, 5_000)
    return customer, customer.key()


def test_paid_call_is_refused_in_the_order_of_the_contract(paying: tuple[Customer, Key], operator: Operator) -> None:
    """400, 401, 403, 404, 429, 402: each call has the faults of all the later ones too."""
    customer, key = paying
    dear = operator.route("/echo", price={"per_call": 6_000})
    narrow = customer.key(scopes=["proxy:echo"], limits={"per_minute": 1, "per_day": 10})
    slow = customer.key(limits={"per_minute": 1, "per_day": 10})
    http = customer.http
    assert customer.call(slow, "echo/x").status_code == 200
    assert customer.call(narrow, "echo/x").status_code == 200

    both = {**bearer(UNKNOWN_KEY), "X-API-Key": slow.text}
    problem_of(http.get("/proxy/nowhere/x", headers=both), 400, "ambiguous_credentials")
    problem_of(http.get("/proxy/nowhere/x"), 401, "unauthenticated")
    problem_of(http.get("/proxy/nowhere/x", headers=bearer(UNKNOWN_KEY)), 401, "invalid_api_key")
    problem_of(http.get("/proxy/nowhere/x", headers=bearer(customer.token)), 401, "invalid_api_key")
    problem_of(customer.call(narrow, "nowhere/x"), 403, "key_not_allowed")
    problem_of(customer.call(slow, "nowhere/x"), 404, "unknown_route")
    problem_of(customer.call(slow, f"{dear}/x"), 429, "rate_limited")
    problem_of(customer.call(key, f"{dear}/x"), 402, "insufficient_credits")
    books.assert_whole(operator, customer)


def test_two_credentials_in_one_request_are_ambiguous_and_charge_nobody(paying: tuple[Customer, Key]) -> None:
    customer, key = paying
    twice = [("Authorization", f"Bearer {key.text}"), ("Authorization", f"Bearer {key.text}")]
    problem_of(customer.http.get("/proxy/echo/x", headers=twice), 400, "ambiguous_credentials")
    problem_of(customer.http.get("/api/v1/credits", headers=twice), 400, "ambiguous_credentials")
    assert len(customer.transactions()) == 1


def test_spoiled_keys_get_one_answer(paying: tuple[Customer, Key]) -> None:
    customer, key = paying
    spoiled = [key.text.swapcase(), key.text[:-1], key.text + "A", UNKNOWN_KEY, "tg_live_", "anything", "x" * 5_000]
    details = set()
    for text in spoiled:
        problem = problem_of(customer.http.get("/proxy/echo/x", headers=bearer(text)), 401, "invalid_api_key")
        details.add((problem["detail"], problem["title"]))
    assert len(details) == 1
    for query in (f"?api_key={key.text}", f"?key={key.text}"):
        problem_of(customer.http.get(f"/proxy/echo/x{query}"), 401, "unauthenticated")
    cookie = {"Cookie": f"X-API-Key={key.text}; tg_session={customer.token}"}
    problem_of(customer.http.get("/proxy/echo/x", headers=cookie), 401, "unauthenticated")


@pytest.mark.parametrize(("method", "path"), CUSTOMERS_ONLY + OPERATORS_ONLY)
def test_without_a_session_nothing_opens(paying: tuple[Customer, Key], method: str, path: str) -> None:
    customer, key = paying
    anonymous = customer.http.request(method, path, content=b"{broken")
    problem_of(anonymous, 401, "unauthenticated")
    problem_of(
        customer.http.request(method, path, content=b"{broken", headers=bearer(key.text)), 403, "session_required"
    )


@pytest.mark.parametrize(("method", "path"), OPERATORS_ONLY)
def test_customer_is_no_operator(customer: Customer, method: str, path: str) -> None:
    problem_of(
        customer.http.request(method, path, content=b"{broken", headers=bearer(customer.token)), 403, "forbidden"
    )


def test_nothing_of_another_account_is_visible(
    paying: tuple[Customer, Key], new_customer: Callable[[], Customer], operator: Operator
) -> None:
    """The same answer as for an id that never was, whatever the body."""
    owner, key = paying
    payment_id = owner.checkout().json()["payment_id"]
    call_id = owner.call(key, "echo/mine").headers["x-request-id"]
    entry_id = owner.transactions()[0]["id"]
    stranger = new_customer()
    for method, path, own, never in (
        ("GET", "/api/v1/payments/{}", payment_id, "pay_" + "0" * 26),
        ("POST", "/api/v1/payments/{}/cancel", payment_id, "pay_" + "0" * 26),
        ("PATCH", "/api/v1/auth/api-keys/{}", key.id, "key_" + "0" * 26),
        ("DELETE", "/api/v1/auth/api-keys/{}", key.id, "key_" + "0" * 26),
        ("POST", "/api/v1/auth/api-keys/{}/rotate", key.id, "key_" + "0" * 26),
        ("GET", "/api/v1/usage/requests/{}", call_id, "req_" + "0" * 26),
    ):
        for body in (b"", b'{"name": "mine now"}', b"{broken"):
            bodies = []
            for text in (own, never):
                content = body if method != "GET" else b""
                answer = stranger.http.request(
                    method, path.format(text), content=content, headers=bearer(stranger.token)
                )
                problem = problem_of(answer, 404, "not_found")
                bodies.append({name: problem[name] for name in ("type", "title", "detail", "code")})
            assert bodies[0] == bodies[1], f"{method} {path} tells them apart"
    cursor = stranger.get("/api/v1/credits/transactions", after=entry_id)
    assert cursor.status_code == 422 or exact(cursor)["data"] == []
    assert owner.call(key, "echo/still-mine").status_code == 200
    assert exact(owner.get(f"/api/v1/payments/{payment_id}"))["status"] == "pending"
    books.assert_whole(operator, owner, stranger)


@pytest.mark.parametrize("path", ["/internal/v1/ledger/postings", "/INTERNAL/v1/events", "/internal%2Fv1/events"])
def test_inner_paths_do_not_exist_outside(running: Running, path: str) -> None:
    with connect(running.gateway) as http:
        headers = {"X-Tollgate-Caller-Ip": "127.0.0.1", "X-Tollgate-Account": "acct_1"}
        assert http.post(path, json={"items": []}, headers=headers).status_code in (400, 404)


def test_inner_ports_want_a_token_whatever_headers_say(running: Running) -> None:
    for name, path in (
        ("billing", "/internal/v1/ledger/postings"),
        ("billing", "/api/v1/credits"),
        ("billing", "/internal/v1/events"),
        ("fraud", "/internal/v1/assessments"),
        ("gateway", "/internal/v1/events"),
    ):
        with connect(running.url(name)) as http:
            headers = {"X-Tollgate-Caller-Ip": "127.0.0.1", "X-Tollgate-Account": "acct_1"}
            for method in ("GET", "POST"):
                status = http.request(method, path, content=b"{}", headers=headers).status_code
                assert status in ((401, 404, 405) if name == "gateway" or path.startswith("/api") else (401, 405))


def test_taken_email_is_told_whatever_its_letters_case(customer: Customer) -> None:
    body = {"email": customer.email.upper(), "password": "another long password"}
    problem_of(customer.http.post("/api/v1/auth/register", json=body), 409, "email_taken")


def test_paths_not_built_yet_are_not_found(customer: Customer) -> None:
    for path in ("/api/v1/nothing", "/api/v1/crypto/invoices", "/api/v2/credits", "/nothing"):
        problem_of(customer.get(path), 404, "not_found")


def test_retired_and_changed_routes_are_known_within_a_second(paying: tuple[Customer, Key], operator: Operator) -> None:
    customer, key = paying
    name = operator.route("/echo", price={"per_call": 2})
    listed = next(one for one in operator.get("routes", limit=100)["data"] if one["name"] == name)
    assert listed["id"].startswith("rt_")
    eventually(lambda: customer.call(key, f"{name}/x").status_code == 200, seconds=1, what="the route works")
    taken = operator.send("POST", "routes", {"name": name, "upstream_url": operator.upstream, "price": {"per_call": 1}})
    problem_of(taken, 409, "name_taken")
    assert operator.send("PATCH", f"routes/{listed['id']}", {"price": {"per_call": 3}}).status_code == 200
    eventually(
        lambda: customer.call(key, f"{name}/x").headers["x-credits-charged"] == "3", seconds=1, what="the new price"
    )
    assert operator.send("PATCH", f"routes/{listed['id']}", {"status": "retired"}).status_code == 200
    eventually(lambda: customer.call(key, f"{name}/x").status_code == 404, seconds=1, what="it is gone")
    problem_of(operator.send("PATCH", f"routes/rt_{uuid.uuid4().hex}", {"price": {"per_call": 3}}), 404, "not_found")
