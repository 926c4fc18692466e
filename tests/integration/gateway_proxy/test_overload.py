"""Too much at once: refused early with Retry-After, and one account's flood is its own."""

import asyncio
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from services.gateway.clients.http1 import pool
from services.gateway.domain.api_key import make_key, presented
from services.gateway.domain.key_record import KeyRecord
from services.gateway.use_cases.admin_routes import PriceParts
from tests.integration.gateway_proxy.conftest import CREDIT, MakePlatform, Platform, code_of
from tests.support.http import eventually

PER_CALL = PriceParts(per_call=CREDIT)
PER_TOKEN = PriceParts(per_1000_tokens=CREDIT)


def under_way(platform: Platform) -> int:
    return len(platform.gateway.paid._crowd)


async def test_an_accounts_calls_under_way_are_bounded_and_others_go_on(make_platform: MakePlatform) -> None:
    platform = await make_platform(paid_calls_per_account=2)
    await platform.route("echo", price=PER_CALL)
    flooding, other = await platform.customer(), await platform.customer()
    calls = [asyncio.create_task(flooding.http.get("/proxy/echo/held")) for _ in range(2)]
    await eventually(lambda: len(platform.upstream.received) == 2)
    refused = await flooding.http.get("/proxy/echo/x")
    assert (refused.status_code, code_of(refused), refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert (await other.http.get("/proxy/echo/x")).status_code == 200
    platform.upstream.go_on.set()
    assert [(await call).status_code for call in calls] == [200, 200]
    assert (await flooding.http.get("/proxy/echo/x")).status_code == 200
    await platform.settled(flooding.account_id, (5_000 - 3) * CREDIT)
    assert under_way(platform) == 0


@pytest.mark.parametrize("price", [PER_CALL, PER_TOKEN])
@pytest.mark.parametrize("path", ["/x", "/drop", "/cut", "/status/404", "/chat/completions", "/slow/chat/completions"])
async def test_every_call_leaves_the_crowd(platform: Platform, price: PriceParts, path: str) -> None:
    await platform.route("echo", price=price, max_hold=100 * CREDIT)
    customer = await platform.customer()
    platform.upstream.go_on.set()
    for body in ({"model": "m", "stream": True}, {"model": "m"}):
        try:
            await customer.http.post(f"/proxy/echo{path}", json=body)
        except httpx.RemoteProtocolError:
            assert path == "/cut"
    await eventually(lambda: under_way(platform) == 0)


async def test_a_caller_who_leaves_leaves_the_crowd(platform: Platform) -> None:
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    call = asyncio.create_task(customer.http.get("/proxy/echo/hang"))
    await eventually(lambda: len(platform.upstream.received) == 1)
    assert under_way(platform) == 1
    call.cancel()
    await eventually(lambda: under_way(platform) == 0)


async def test_no_connection_left_to_an_upstream_is_ours_to_say(
    make_platform: MakePlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "WAIT_SECONDS", 0.1)
    platform = await make_platform(upstream_connections_per_host=1)
    await platform.route("echo", price=PER_CALL)
    flooding, other = await platform.customer(), await platform.customer()
    held = asyncio.create_task(flooding.http.get("/proxy/echo/held"))
    await eventually(lambda: len(platform.upstream.received) == 1)
    refused = await other.http.get("/proxy/echo/x")
    assert (refused.status_code, code_of(refused), refused.headers["retry-after"]) == (503, "overloaded", "1")
    platform.upstream.go_on.set()
    assert (await held).status_code == 200
    await platform.settled(other.account_id, 5_000 * CREDIT)


async def test_who_reads_slowly_gets_and_pays_for_what_the_upstream_gave_in_time(platform: Platform) -> None:
    """The route's timeout is the upstream's: it stands still while the caller takes nothing."""
    size = 8 * 1024 * 1024
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size
    platform.upstream.answers["/large"] = head + b"x" * size
    await platform.route("echo", price=PER_CALL, timeout_ms=1_000)
    customer = await platform.customer()
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        address = urlsplit(platform.url)
        await asyncio.to_thread(line.connect, (address.hostname, address.port))
        reader, writer = await asyncio.open_connection(sock=line, limit=1024)
        asked = f"Host: {address.netloc}\r\nAuthorization: {customer.http.headers['authorization']}\r\n\r\n"
        writer.write(b"GET /proxy/echo/large HTTP/1.1\r\n" + asked.encode())
        await reader.readuntil(b"\n")
        await asyncio.sleep(1.5)  # the route's own second must pass in real time, which its deadline keeps
        await reader.readuntil(b"\r\n\r\n")
        assert len(await reader.readexactly(size)) == size
        writer.close()
    await platform.settled(customer.account_id, (5_000 - 1) * CREDIT)


async def test_a_call_that_waited_for_too_long_is_not_charged(make_platform: MakePlatform) -> None:
    platform = await make_platform(paid_wait_ms=50)
    await platform.route("echo", price=PER_CALL)
    customer = await platform.customer()
    limiter: Any = platform.gateway.paid._gate._limiter
    admit = limiter.admit

    async def slow(record: KeyRecord) -> Any:
        await asyncio.sleep(0.06)
        return await admit(record)

    limiter.admit = slow
    refused = await customer.http.get("/proxy/echo/x")
    assert (refused.status_code, code_of(refused), refused.headers["retry-after"]) == (503, "overloaded", "1")
    assert "ratelimit" in refused.headers
    assert platform.upstream.received == []
    await platform.settled(customer.account_id, 5_000 * CREDIT)


async def test_a_flood_of_unknown_keys_shares_look_ups_and_is_remembered(platform: Platform) -> None:
    await eventually(lambda: platform.gateway.feed.is_current)
    look_ups: Any = platform.gateway.keys._records._look_ups
    load, queries = look_ups._load, list[int]()

    async def counted(digests: Sequence[bytes]) -> Any:
        queries.append(len(digests))
        return await load(digests)

    look_ups._load = counted
    unknown = [make_key(number.to_bytes(32, "big")).text for number in range(300)]
    for _ in range(2):
        found = await asyncio.gather(*(platform.gateway.keys.find(presented(key)) for key in unknown))
        assert found == [None] * 300
    assert sum(queries) == 300 and len(queries) <= 4
