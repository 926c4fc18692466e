"""Every door of ours, fed with what no honest client sends: a clear problem document, never a 500, nothing made."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import pytest

from tests.e2e import books
from tests.e2e.callers import Customer, Key, Operator, bearer, connect, exact
from tests.e2e.running import Running

DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
MEBIBYTE = 1 << 20
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{broken",
    "NaN": b'{"credits": NaN}',
    "infinity": b'{"credits": Infinity}',
    "1e400": b'{"credits": 1e400}',
    "5,000 digits": b'{"credits": ' + b"9" * 5_000 + b"}",
    "one name twice": b'{"credits": 5000, "credits": 5000, "name": "a", "name": "b"}',
    "100,000 deep": DEEP,
    "no UTF-8": b'{"name": "\xff\xfe"}',
    "a lone surrogate": b'{"name": "\\ud800", "email": "\\ud800@example.com", "password": "\\ud800aaaaaaaaaaaa"}',
    "NUL": b'{"name": "a\\u0000b", "email": "a\\u0000@example.com", "password": "\\u0000aaaaaaaaaaaaaa"}',
    "a list": b"[]",
    "null": b"null",
    "a number": b"5",
    "two values": b"{} {}",
    "over 1 MiB": b'{"name": "' + b"a" * MEBIBYTE + b'"}',
    "a BOM": b'\xef\xbb\xbf{"credits": 5000}',
}
REFUSED = {400, 413, 415, 422}
MONEY = ("-1", "1e400", "NaN", "1" + "0" * 30, "9" * 5_000, '"5000"', "true", "null", "[5000]", "{}", "0.0001", "0")
OF_CUSTOMERS = (
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/api-key"),
    ("PATCH", "/api/v1/auth/api-keys/{key}"),
    ("PATCH", "/api/v1/account"),
    ("POST", "/api/v1/credits/checkout"),
)
OF_OPERATORS = (
    ("POST", "/api/v1/admin/accounts/{account}/grants"),
    ("POST", "/api/v1/admin/accounts/{account}/debits"),
    ("PATCH", "/api/v1/admin/accounts/{account}"),
    ("PATCH", "/api/v1/admin/api-keys/{key}"),
    ("POST", "/api/v1/admin/routes"),
    ("POST", "/api/v1/admin/blacklist"),
)


@pytest.fixture
def paying(customer: Customer, operator: Operator) -> tuple[Customer, Key]:
    operator.grant(customer, 5_000)
    return customer, customer.key()


def is_clear_problem(answer: httpx.Response) -> bool:
    """In the form that clients may count on, whatever they did."""
    if not answer.headers.get("content-type", "").startswith("application/problem+json"):
        return False
    body = exact(answer)
    return {"type", "title", "status", "detail", "instance", "code", "request_id"} <= set(body)


@pytest.mark.parametrize(("method", "path"), OF_CUSTOMERS + OF_OPERATORS)
def test_no_body_that_is_senseless_brings_a_500(
    paying: tuple[Customer, Key], operator: Operator, method: str, path: str
) -> None:
    customer, key = paying
    token = operator.token if "/admin/" in path else customer.token
    address = path.format(key=key.id, account=customer.account_id)
    for name, body in BROKEN.items():
        headers = {**bearer(token), "Content-Type": "application/json"}
        answer = customer.http.request(method, address, content=body, headers=headers)
        assert answer.status_code in REFUSED, f"{name}: {answer.status_code} {answer.text[:200]}"
        assert is_clear_problem(answer), f"{name}: {answer.text[:200]}"
        if name == "over 1 MiB":
            assert answer.status_code == 413
        if name in ("nothing", "no JSON", "NaN"):
            assert exact(answer)["code"] == "malformed_json", name
    assert customer.http.get("/ping").status_code == 200
    books.assert_whole(operator, customer)


@pytest.mark.parametrize("money", MONEY)
def test_senseless_amounts_move_nothing(paying: tuple[Customer, Key], operator: Operator, money: str) -> None:
    customer, _ = paying
    before = customer.credits()
    bodies = (
        (customer.token, "/api/v1/credits/checkout", f'{{"credits": {money}}}'),
        (
            operator.token,
            f"/api/v1/admin/accounts/{customer.account_id}/grants",
            f'{{"credits": {money}, "reason": "x"}}',
        ),
        (
            operator.token,
            f"/api/v1/admin/accounts/{customer.account_id}/debits",
            f'{{"credits": {money}, "reason": "x"}}',
        ),
        (
            operator.token,
            "/api/v1/admin/routes",
            f'{{"name": "bad", "upstream_url": "http://127.0.0.1:9/", "price": {{"per_call": {money}}}}}',
        ),
    )
    for token, path, body in bodies:
        headers = {**bearer(token), "Content-Type": "application/json"}
        answer = customer.http.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 422), f"{path}: {answer.status_code} {answer.text[:300]}"
        assert is_clear_problem(answer)
    assert customer.credits() == before
    assert exact(customer.get("/api/v1/payments"))["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"credits": 4_999}, "/credits"),
        ({"credits": 5_000.5}, "/credits"),
        ({"credits": 5_000, "currency": "xyz"}, "/currency"),
        ({"credits": 5_000, "currency": "USD "}, "/currency"),
        ({"credits": 5_000, "success_url": "javascript:alert(1)"}, "/success_url"),
        ({"credits": 5_000, "success_url": "https://evil.example/"}, "/success_url"),
        ({"credits": 5_000, "success_url": "http://127.0.0.1/\r\nX: y"}, "/success_url"),
        ({"credits": 5_000, "cancel_url": "//evil.example"}, "/cancel_url"),
        ({"credits": 5_000, "amount": 1}, "/amount"),
        ({"credits": 5_000, "account_id": "acct_1"}, "/account_id"),
        ({}, "/credits"),
    ],
)
def test_checkout_names_the_field_that_is_wrong(customer: Customer, body: dict[str, object], pointer: str) -> None:
    answer = customer.post("/api/v1/credits/checkout", body)
    assert answer.status_code == 422, answer.text
    problem = exact(answer)
    assert problem["code"] == "validation_failed", problem
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert exact(customer.get("/api/v1/payments"))["data"] == []


@pytest.mark.parametrize(
    "more",
    [
        {"role": "operator"},
        {"tier": "enterprise"},
        {"status": "active"},
        {"credits": 5_000},
        {"credit_limit": None},
        {"account_id": "acct_1"},
        {"email_verified": True},
        {"account": {"role": "operator"}},
    ],
)
def test_nobody_registers_with_more_than_a_customer_has(running: Running, more: dict[str, object]) -> None:
    with connect(running.gateway) as http:
        body = {"email": f"mass-{next(iter(more))}@example.com", "password": "correct horse battery", **more}
        answer = http.post("/api/v1/auth/register", json=body)
    assert answer.status_code == 422, answer.text
    assert exact(answer)["errors"]


@pytest.mark.parametrize(
    "path",
    [
        "/proxy/echo//x",
        "/proxy//echo/x",
        "/proxy/echo/../demo/v1/models",
        "/proxy/echo/./x",
        "/proxy/echo/%2e%2e/x",
        "/proxy/echo/%2E%2E%2Fx",
        "/proxy/echo/a%2fb",
        "/proxy/echo/a%5cb",
        "/proxy/echo/a%00b",
        "/proxy/echo/%c0%ae%c0%ae/x",
        "/proxy/echo@127.0.0.1/",
        "/api/v1//credits",
        "/api/v1/../v1/credits",
        "/api/v1/credits/%2e%2e/account",
        "/%61pi/v1/%2e/credits",
    ],
)
def test_paths_with_two_meanings_are_refused(paying: tuple[Customer, Key], running: Running, path: str) -> None:
    customer, key = paying
    answer = raw(running, f"GET {path} HTTP/1.1", f"Authorization: Bearer {key.text}")
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 404 ")), answer[:300]
    assert b"application/problem+json" in answer.lower()
    assert len(customer.transactions()) == 1, "nothing was charged"


def test_double_encoding_and_semicolons_reach_the_upstream_as_sent(
    paying: tuple[Customer, Key], running: Running
) -> None:
    _, key = paying
    answer = raw(running, "GET /proxy/echo/a;b/%252e%252e/c?x=%2f&y=1 HTTP/1.1", f"X-API-Key: {key.text}")
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:300]
    assert b'"path":"/a;b/%252e%252e/c"' in answer.replace(b" ", b"")
    assert b'"query":"x=%2f&y=1"' in answer.replace(b" ", b"")


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5,5",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("X-Odd: a\x00b",),
        ("Odd Name: a",),
        ("Host: evil.example",),
        ("X-API-Key: one", "X-API-Key: two"),
        ("Authorization: Bearer a", "X-API-Key: b"),
    ],
)
@pytest.mark.parametrize("path", ["/proxy/echo/x", "/api/v1/credits"])
def test_heads_with_two_meanings_are_refused(running: Running, path: str, lines: tuple[str, ...]) -> None:
    answer = raw(running, f"POST {path} HTTP/1.1", *lines)
    status = int(answer.split(b" ", 2)[1])
    assert 400 <= status < 500, answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1, "one answer, and what follows is never answered"


def raw(running: Running, request_line: str, *lines: str) -> bytes:
    """The bytes that answer one request sent as it stands, on a connection of its own."""
    at = urlsplit(running.gateway)
    has_host = any(line.lower().startswith("host:") for line in lines)
    host = [] if has_host else [f"Host: {at.netloc}"]
    head = "\r\n".join([request_line, *host, "Connection: close", *lines, "", ""])
    with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
        connection.sendall(head.encode("latin-1"))
        found = b""
        while piece := connection.recv(65_536):
            found += piece
    return found


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1e2", "after=nothing", "after="]
)
@pytest.mark.parametrize("path", ["/api/v1/credits/transactions", "/api/v1/payments", "/api/v1/auth/api-keys"])
def test_senseless_pages_are_refused(customer: Customer, path: str, query: str) -> None:
    answer = customer.http.get(f"{path}?{query}", headers=bearer(customer.token))
    assert answer.status_code == 422, answer.text
    wanted = "invalid_cursor" if query.startswith("after") else "validation_failed"
    assert exact(answer)["code"] == wanted


@pytest.mark.parametrize("key", ["", "x" * 256, "with space", "ünicode"])
def test_senseless_idempotency_keys_are_refused(customer: Customer, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode()), (b"Authorization", f"Bearer {customer.token}".encode())]
    body = json.dumps({"credits": 5_000}).encode()
    answer = customer.http.post(
        "/api/v1/credits/checkout", content=body, headers=[*headers, (b"Content-Type", b"application/json")]
    )
    assert answer.status_code == 400, answer.text
    assert exact(answer)["code"] == "invalid_idempotency_key"


def test_password_of_a_mebibyte_and_email_of_64_kib_are_refused_at_once(running: Running) -> None:
    with connect(running.gateway) as http, ThreadPoolExecutor(2) as pool:
        bodies = (
            {"email": "long@example.com", "password": "a" * (MEBIBYTE - 100)},
            {"email": "a" * 65_536 + "@example.com", "password": "correct horse battery"},
        )
        answers = list(pool.map(lambda body: http.post("/api/v1/auth/register", json=body), bodies))
    assert [answer.status_code for answer in answers] == [422, 422]
    assert all("aaaaaaaa" not in answer.text for answer in answers), "a bad value is not told back"


def test_large_heads_are_refused(paying: tuple[Customer, Key], running: Running) -> None:
    _, key = paying
    auth = f"X-API-Key: {key.text}"
    many = [f"X-Many-{number}: 1" for number in range(1_000)]
    for answer in (
        raw(running, "GET /proxy/echo/x HTTP/1.1", auth, *many),
        raw(running, "GET /proxy/echo/x HTTP/1.1", auth, "X-Large: " + "a" * 65_536),
        raw(running, "GET /proxy/echo/" + "a" * 65_536 + " HTTP/1.1", auth),
    ):
        assert int(answer.split(b" ", 2)[1]) in (400, 414, 431), answer[:200]
