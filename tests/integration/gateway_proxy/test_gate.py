"""Who may call, in the order 400, 401, 403, 404, 429, 402; bans; limits with and without Redis."""

import asyncio
import os
import signal
import time
from collections import Counter

import httpx
import pytest

from services.gateway.domain.api_key import presented
from services.gateway.use_cases.admin_routes import PriceParts
from tests.conftest import Servers
from tests.integration.gateway_proxy.conftest import CREDIT, MakePlatform, Platform, code_of
from tests.support.http import eventually

PER_CALL = PriceParts(per_call=CREDIT)


async def raw(platform: Platform, target: str, *headers: str, method: str = "GET", body: str = "") -> tuple[int, str]:
    """A request as its very bytes; the answer's status and all of it."""
    host, port = platform.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers, "", body]
    writer.write("\r\n".join(lines).encode("latin-1"))
    answer = (await asyncio.wait_for(reader.read(), 10)).decode("latin-1")
    writer.close()
    return int(answer.split(" ")[1]), answer


@pytest.mark.parametrize(
    "path",
    [
        "/proxy/echo//x", "/proxy/echo/./x", "/proxy/echo/../x", "/proxy/echo/%2e%2e/x", "/proxy/echo/.%2E/x",
        "/proxy/echo/a%2fb", "/proxy/echo/a%5Cb", "/proxy/echo/a\\b", "/proxy/echo/%00", "/proxy/echo/%c0%ae",
        "/proxy//echo/x",
    ],
)  # fmt: skip
async def test_a_path_of_two_meanings_is_refused(platform: Platform, path: str) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    status, answer = await raw(platform, path, f"X-API-Key: {customer.key}")
    assert status == 400 and "ambiguous_path" in answer
    assert platform.upstream.received == []


async def test_credentials(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    key, bearer = f"X-API-Key: {customer.key}", f"Authorization: Bearer {customer.key}"
    path = "/proxy/echo/x"
    assert (await raw(platform, path, key))[0] == 200
    assert (await raw(platform, path, bearer))[0] == 200
    for doubled in ((key, bearer), (key, key), (bearer, bearer)):
        status, answer = await raw(platform, path, *doubled)
        assert status == 400 and "ambiguous_credentials" in answer
    swapped = customer.key[:-1] + ("a" if customer.key[-1] != "a" else "b")
    for bad in (swapped, customer.key[:-3], "tg_live_x", customer.session, "imported-key"):
        status, answer = await raw(platform, path, f"X-API-Key: {bad}")
        assert status == 401 and "invalid_api_key" in answer
    for none in ([], ["X-API-Key: "], ["Authorization: Basic eDp5"], [f"Cookie: key={customer.key}"]):
        status, answer = await raw(platform, path, *none)
        assert status == 401 and '"unauthenticated"' in answer
    assert (await raw(platform, f"{path}?key={customer.key}"))[0] == 401
    assert (await raw(platform, path, method="OPTIONS"))[0] == 401
    assert (await raw(platform, path, key, "Expect: something"))[0] == 417
    assert (await raw(platform, path, key, "Content-Type: a/b", "Content-Type: c/d"))[0] == 400


async def test_permission_comes_before_the_routes_existence(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    narrow = await platform.customer(scopes=["proxy:echo"], allowed_ips=["203.0.113.0/24"])
    allowed = {"x-forwarded-for": "203.0.113.9"}
    assert code_of(await narrow.http.get("/proxy/other/x", headers=allowed)) == "key_not_allowed"
    assert code_of(await narrow.http.get("/proxy/echo/x")) == "key_not_allowed"
    spoofed = {"x-forwarded-for": "203.0.113.9, 198.51.100.1"}
    assert code_of(await narrow.http.get("/proxy/echo/x", headers=spoofed)) == "key_not_allowed"
    assert (await narrow.http.get("/proxy/echo/x", headers=allowed)).status_code == 200
    wide = await platform.customer()
    unknown = await wide.http.get("/proxy/other/x")
    assert (unknown.status_code, code_of(unknown)) == (404, "unknown_route")
    assert "ratelimit" in unknown.headers
    for path in ("/proxy/echo@host/", "/proxy/Echo/x", "/proxy/"):
        assert code_of(await wide.http.get(path)) == "unknown_route"


async def test_a_suspended_account_is_refused_within_a_second(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer, operator = await platform.customer(), await platform.operator()
    assert (await customer.http.get("/proxy/echo/x")).status_code == 200
    path = f"/api/v1/admin/accounts/{customer.account_id}"
    assert (await operator.patch(path, json={"status": "suspended"})).status_code == 200

    async def is_refused() -> bool:
        answer = await customer.http.get("/proxy/echo/x")
        return answer.status_code == 403 and code_of(answer) == "account_suspended"

    await eventually(is_refused, within_seconds=1.0)


async def test_a_burst_passes_the_bucket_and_its_refill_and_the_rest_costs_nothing(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    began = time.monotonic()
    forms = [{"authorization": f"Bearer {customer.key}"}, {"x-api-key": customer.key}]
    async with httpx.AsyncClient(base_url=platform.url, timeout=20) as bare:
        answers = await asyncio.gather(*(bare.get("/proxy/echo/x", headers=forms[n % 2]) for n in range(130)))
    most = 100 + int((time.monotonic() - began) * 100 / 60) + 1
    counted = Counter(answer.status_code for answer in answers)
    assert 100 <= counted[200] <= most
    assert counted[200] + counted[429] == 130
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert code_of(refused) == "rate_limited"
    assert refused.headers["retry-after"] == "1"
    assert '"minute";r=0' in refused.headers["ratelimit"]
    await platform.settled(customer.account_id, (5_000 - counted[200]) * CREDIT)


async def test_limits_come_before_credit(platform: Platform) -> None:
    await platform.route("dear", price=PriceParts(per_call=10_000 * CREDIT))
    customer = await platform.customer(limits={"per_minute": 2, "per_day": 2})
    codes = [code_of(await customer.http.get("/proxy/dear/x")) for _ in range(3)]
    assert codes == ["insufficient_credits", "insufficient_credits", "rate_limited"]


async def test_abuse_is_banned_seen_and_lifted(make_platform: MakePlatform) -> None:
    platform = await make_platform(ban_refused_calls=10)
    await platform.route("echo", price=PER_CALL)
    operator = await platform.operator()
    customer = await platform.customer(limits={"per_minute": 1, "per_day": 100})
    codes = [(await customer.http.get("/proxy/echo/x")).status_code for _ in range(12)]
    assert codes == [200, *[429] * 10, 403]
    banned = await customer.http.get("/proxy/echo/x")
    assert code_of(banned) == "key_banned"
    assert banned.json()["banned_until"] and 800 < int(banned.headers["retry-after"]) <= 900

    await platform.gateway.redis.flushall()
    await asyncio.sleep(0.5)
    assert code_of(await customer.http.get("/proxy/echo/x")) == "key_banned", "PostgreSQL remembers"

    seen = (await operator.get("/api/v1/admin/incidents?kind=key_banned")).json()["data"]
    assert [(one["key_id"], one["account_id"]) for one in seen] == [(customer.key_id, customer.account_id)]
    assert seen[0]["details"]["step"] == 0

    path = f"/api/v1/admin/api-keys/{customer.key_id}/lift-ban"
    assert (await customer.http.post(path)).status_code == 403
    assert (await operator.post("/api/v1/admin/api-keys/key_nobody/lift-ban")).status_code == 404
    assert (await operator.post(path)).status_code == 204

    async def may_call() -> bool:
        return (await customer.http.get("/proxy/echo/x")).status_code in (200, 429)

    await eventually(may_call, within_seconds=1.0)
    kinds = [one["kind"] for one in (await operator.get("/api/v1/admin/incidents")).json()["data"]]
    assert kinds == ["ban_lifted", "key_banned"]


async def test_bans_grow_longer(make_platform: MakePlatform) -> None:
    platform = await make_platform(ban_refused_calls=1)
    customer = await platform.customer()
    record = await platform.gateway.keys.find(presented(customer.key))
    assert record is not None
    abuse = platform.gateway.paid._gate._abuse
    lengths = []
    for _ in range(4):
        now = platform.gateway.clock.real_now()
        until = await abuse._imposed(record, 1, now)
        assert until is not None
        lengths.append(round((until - now).total_seconds() / 60))
        async with platform.gateway.database.transaction() as connection:
            await connection.exec_driver_sql("UPDATE api_keys SET banned_until = NULL")
    assert lengths == [15, 60, 1440, 1440]


async def test_probing_with_bad_keys_is_an_incident_of_its_address(make_platform: MakePlatform) -> None:
    platform = await make_platform(bad_key_incident_calls=5)
    operator = await platform.operator()
    for _ in range(12):
        answer = await platform.anyone.get(
            "/proxy/echo/x", headers={"x-api-key": "nonsense", "x-forwarded-for": "198.51.100.77"}
        )
        assert answer.status_code == 401
    seen = (await operator.get("/api/v1/admin/incidents")).json()["data"]
    assert [(one["kind"], one["address"]) for one in seen] == [("bad_keys", "198.51.100.77")]


async def test_without_redis_each_process_counts_its_share(make_platform: MakePlatform) -> None:
    platform = await make_platform(redis_url="redis://127.0.0.1:1/0", gateway_processes=4)
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    answers = [(await customer.http.get("/proxy/echo/x")).status_code for _ in range(40)]
    assert 25 <= answers.count(200) <= 27
    assert set(answers) == {200, 429}


async def test_a_new_or_changed_route_works_within_a_second(platform: Platform) -> None:
    customer, operator = await platform.customer(), await platform.operator()
    assert code_of(await customer.http.get("/proxy/fresh/x")) == "unknown_route"
    body = {"name": "fresh", "upstream_url": platform.upstream.url, "price": {"per_call": 0.5}}
    made = await operator.post("/api/v1/admin/routes", json=body)
    assert made.status_code == 201

    async def charged() -> str:
        return (await customer.http.get("/proxy/fresh/x")).headers.get("x-credits-charged", "none")

    async def costs(credits: str) -> bool:
        return await charged() == credits

    await eventually(lambda: costs("0.5"), within_seconds=1.0)
    path = f"/api/v1/admin/routes/{made.json()['id']}"
    assert (await operator.patch(path, json={"price": {"per_call": 2}})).json()["price_version"] == 2
    await eventually(lambda: costs("2"), within_seconds=1.0)
    assert (await operator.patch(path, json={"status": "retired"})).status_code == 200
    await eventually(lambda: costs("none"), within_seconds=1.0)


async def test_a_silence_of_redis_gives_no_second_burst(platform: Platform, servers: Servers) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer(limits={"per_minute": 10, "per_day": 100})
    platform.gateway.paid._gate._limiter._deadline_seconds = 0.2
    assert [(await customer.http.get("/proxy/echo/x")).status_code for _ in range(8)] == [200] * 8
    pid = servers.redis.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        during = [(await customer.http.get("/proxy/echo/x")).status_code for _ in range(8)]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert during.count(200) in (2, 3)

    async def is_shared_again() -> bool:
        await customer.http.get("/proxy/echo/x")
        return not platform.gateway.paid._gate._limiter._is_local

    await eventually(is_shared_again)


@pytest.mark.parametrize("price", [PER_CALL, PriceParts(per_1000_tokens=CREDIT)])
async def test_a_body_that_does_not_come_is_not_waited_for(make_platform: MakePlatform, price: PriceParts) -> None:
    platform = await make_platform(slow_caller_ms=200)
    await platform.route("echo", price=price)
    customer = await platform.customer()
    headers = (f"X-API-Key: {customer.key}", "Content-Length: 100")
    status, answer = await raw(platform, "/proxy/echo/x", *headers, method="POST", body="begun")
    assert status == 408 and "request_timeout" in answer
    await platform.settled(customer.account_id, 5_000 * CREDIT)


@pytest.mark.long
async def test_hundreds_of_callers_at_once_share_the_limits(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customers = [await platform.customer() for _ in range(3)]
    calls = [customers[n % 3].http.get("/proxy/echo/x") for n in range(500)]
    answers = await asyncio.gather(*calls)
    assert {answer.status_code for answer in answers} == {200, 429}
    assert 300 <= sum(answer.status_code == 200 for answer in answers) <= 350
    assert not platform.gateway.paid._gate._limiter._is_local
