"""Calls whose price is known beforehand: charged before, reversed where the upstream fails."""

import asyncio

import httpx
import pytest

from services.gateway.use_cases.admin_routes import PriceParts
from tests.integration.gateway_proxy.conftest import CREDIT, NOWHERE, MakePlatform, Platform, code_of
from tests.integration.gateway_proxy.upstream import answer_of
from tests.support.http import eventually

PER_CALL = PriceParts(per_call=CREDIT)
FULL = 5_000 * CREDIT


async def test_a_call_is_forwarded_and_charged(platform: Platform) -> None:
    await platform.route("echo", path="/base", price=PER_CALL)
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/echo/a;b/%252e/c%20d?x=1&y=%2F", content=b"hello")
    assert (answer.status_code, answer.content) == (200, b"hello")
    assert answer.headers["x-credits-charged"] == "1"
    assert answer.headers["x-credits-remaining"] == "4999"
    assert answer.headers["ratelimit-policy"] == '"minute";q=100;w=60, "day";q=10000;w=86400'
    assert answer.headers["ratelimit"].startswith('"minute";r=99;t=1, "day";r=9999;t=')
    assert answer.headers["x-request-id"].startswith("req_")
    sent = platform.upstream.received[0]
    assert sent.target == "/base/a;b/%252e/c%20d?x=1&y=%2F"
    await platform.settled(customer.account_id, FULL - CREDIT)


async def test_the_call_is_in_usage_with_its_outcome(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    answer = await customer.http.get("/proxy/echo/x")

    async def is_delivered() -> bool:
        path = f"/api/v1/usage/requests/{answer.headers['x-request-id']}"
        told = await platform.anyone.get(path, headers={"authorization": f"Bearer {customer.session}"})
        return told.status_code == 200 and told.json()["outcome"] == "delivered"

    await eventually(is_delivered)


async def test_what_says_who_calls_stays_here(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL, upstream_headers={"X-Upstream-Key": "secret", "Accept": "a/b"})
    customer = await platform.customer()
    await customer.http.get(
        "/proxy/echo/x",
        headers={
            "cookie": "tg_session=1",
            "x-tollgate-account": "acct_other",
            "x_tollgate_role": "operator",
            "x-account-id": "acct_other",
            "forwarded": "for=1.2.3.4",
            "x-forwarded-for": "203.0.113.9",
            "x-forwarded-host": "evil",
            "x-real-ip": "1.2.3.4",
            "connection": "keep-alive, X-Private",
            "x-private": "hop",
            "te": "trailers",
            "upgrade": "websocket",
            "x-usage-units": "1",
            "x-harmless": "kept",
            "accept": "from/caller",
        },
    )
    sent = platform.upstream.received[0]
    assert sent.names() == {
        "host", "user-agent", "accept-encoding", "x-harmless", "x-upstream-key", "accept", "x-request-id",
    }  # fmt: skip
    assert sent.header("accept") == "a/b"
    assert customer.key not in str(sent.headers)


async def test_what_an_upstream_may_not_say_is_replaced(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    platform.upstream.answers["/x"] = answer_of(
        b"ok",
        extra="X-Credits-Charged: 0\r\nX-Credits-Remaining: 9\r\nRateLimit: lies\r\nRateLimit-Policy: lies\r\n"
        "X-Request-Id: mine\r\nSet-Cookie: a=b\r\nKeep-Alive: timeout=5\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
        "X-Kept: 1\r\n",
    )
    customer = await platform.customer()
    answer = await customer.http.get("/proxy/echo/x")
    assert answer.headers.get_list("x-credits-charged") == ["1"]
    assert len(answer.headers.get_list("ratelimit")) == 1
    assert len(answer.headers.get_list("date")) == 1
    assert answer.headers.get_list("x-request-id") != ["mine"]
    assert answer.headers["x-kept"] == "1"
    assert not {"set-cookie", "keep-alive", "x-hop"} & set(answer.headers)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/drop", 502, "upstream_error"), ("/cut/before/head", 502, "upstream_error"), ("/hang", 504, "upstream_timeout")],
)
async def test_an_upstream_that_gives_no_answer_costs_nothing(
    platform: Platform, path: str, status: int, code: str
) -> None:
    await platform.route("echo", price=PER_CALL, timeout_ms=300)
    customer = await platform.customer()
    answer = await customer.http.get(f"/proxy/echo{path}")
    assert (answer.status_code, code_of(answer)) == (status, code)
    assert (answer.headers["x-credits-charged"], answer.headers["x-credits-remaining"]) == ("0", "5000")
    assert "ratelimit" in answer.headers
    await platform.settled(customer.account_id, FULL)


async def test_an_upstream_that_is_not_there_costs_nothing(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    platform.upstream.url = "http://127.0.0.1:1"
    await platform.route("gone", price=PER_CALL)
    assert code_of(await customer.http.get("/proxy/gone/x")) == "upstream_error"
    await platform.settled(customer.account_id, FULL)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
async def test_what_is_no_proper_answer_is_502(platform: Platform, answer: bytes) -> None:
    await platform.route("echo", price=PER_CALL)
    platform.upstream.answers["/x"] = answer
    customer = await platform.customer()
    assert code_of(await customer.http.get("/proxy/echo/x")) == "upstream_error"
    await platform.settled(customer.account_id, FULL)


@pytest.mark.parametrize(("path", "status"), [("/status/404", 404), ("/status/500", 500)])
async def test_an_upstreams_own_error_is_passed_on_and_not_charged(platform: Platform, path: str, status: int) -> None:
    await platform.route("echo", price=PER_CALL)
    await platform.route("strict", price=PER_CALL, charge_errors=True)
    customer = await platform.customer()
    answer = await customer.http.get(f"/proxy/echo{path}")
    assert (answer.status_code, answer.headers["x-credits-charged"]) == (status, "0")
    assert answer.headers["x-credits-remaining"] == "5000"
    charged = await customer.http.get(f"/proxy/strict{path}")
    assert (charged.status_code, charged.headers["x-credits-charged"]) == (status, "1")
    await platform.settled(customer.account_id, FULL - CREDIT)


async def test_an_error_whose_charge_can_not_be_given_back_yet_is_not_passed_on(make_platform: MakePlatform) -> None:
    """Its head would say that nothing is charged before that is so."""
    platform = await make_platform(billing_deadline_ms=1_000)
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/held/500"))
    await eventually(lambda: platform.upstream.received)
    platform.send_postings_to(NOWHERE)
    platform.upstream.go_on.set()
    answer = await call
    assert (answer.status_code, code_of(answer)) == (503, "billing_unavailable")
    platform.send_postings_to(platform.billing_url)
    await platform.settled(customer.account_id, FULL)


async def test_an_answer_cut_in_its_middle_is_cut_here_too_and_given_back(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    with pytest.raises(httpx.RemoteProtocolError):
        await customer.http.get("/proxy/echo/cut")
    wallet = await platform.wallet(customer.account_id)
    assert wallet["available"] == FULL, "reversed before the answer ended"


async def test_redirects_and_heads_are_passed_on(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    platform.upstream.answers["/moved"] = (
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
    )
    platform.upstream.answers["/head"] = b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n"
    platform.upstream.answers["/none"] = b"HTTP/1.1 304 Not Modified\r\ncontent-length: 10\r\netag: x\r\n\r\n"
    customer = await platform.customer()
    moved = await customer.http.get("/proxy/echo/moved")
    assert (moved.status_code, moved.headers["location"]) == (302, "http://127.0.0.1:1/")
    head = await customer.http.head("/proxy/echo/head")
    assert (head.status_code, head.headers["content-length"], head.headers["x-credits-charged"]) == (200, "1234", "1")
    assert (await customer.http.get("/proxy/echo/none")).status_code == 304
    assert platform.upstream.received[1].method == "HEAD"
    await platform.settled(customer.account_id, FULL - 3 * CREDIT)


async def test_big_bodies_stream_both_ways(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()

    async def pieces():  # type: ignore[no-untyped-def]
        for _ in range(200):
            yield b"x" * 100_000

    answer = await customer.http.post("/proxy/echo/x", content=pieces())
    assert len(answer.content) == 20_000_000
    assert platform.upstream.received[0].header("transfer-encoding") == "chunked"


async def test_a_caller_who_leaves_before_the_head_frees_the_upstream(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/hang"))
    await eventually(lambda: platform.upstream.received)
    call.cancel()
    platform.upstream.go_on.set()
    await eventually(platform.upstream.closed.is_set)
    await eventually(lambda: not platform.gateway.paid._desk.undo._waiting)


async def test_many_callers_on_a_small_balance_get_exactly_what_it_covers(platform: Platform) -> None:
    await platform.route("echo", price=PriceParts(per_call=250 * CREDIT))
    customer = await platform.customer()
    answers = await asyncio.gather(*(customer.http.get("/proxy/echo/x") for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 20 + [402] * 30
    assert len(platform.upstream.received) == 20
    refused = next(answer for answer in answers if answer.status_code == 402)
    problem = refused.json()
    assert (problem["code"], problem["checkout_path"]) == ("insufficient_credits", "/credits/buy")
    assert (problem["credits"], problem["required"]) == (0, 250)
    assert "x-credits-charged" not in refused.headers
    await platform.settled(customer.account_id, 0)


async def test_billing_away_is_503_and_nothing_is_forwarded(make_platform: MakePlatform) -> None:
    platform = await make_platform(billing_deadline_ms=300)
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    platform.send_postings_to(NOWHERE)
    answer = await customer.http.get("/proxy/echo/x")
    assert (answer.status_code, code_of(answer)) == (503, "billing_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "x-credits-charged" not in answer.headers
    assert platform.upstream.received == []
