"""Calls whose price is known afterwards: held before, captured before the last bytes leave."""

import asyncio
import gzip
import json
import os
import socket
from typing import Any

import httpx
import pytest

from services.gateway.use_cases.admin_routes import PriceParts
from services.gateway.use_cases.paid_call.kept_back import UNCOUNTED_BYTES
from shared.contracts.ledger import PATH
from shared.db import Database
from shared.ids import decode
from tests.integration.gateway_proxy.conftest import CREDIT, NOWHERE, Customer, MakePlatform, Platform, code_of
from tests.integration.gateway_proxy.upstream import answer_of, event
from tests.support.http import eventually

BY_TOKEN = PriceParts(per_1000_tokens=CREDIT)
FULL = 5_000 * CREDIT
EVENTS = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def asking(**more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **more}


async def test_a_completion_costs_its_tokens(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/chat/completions", json=asking())
    assert answer.json()["usage"]["total_tokens"] == 10
    assert (answer.headers["x-credits-charged"], answer.headers["x-credits-remaining"]) == ("0.01", "4999.99")
    await platform.settled(customer.account_id, FULL - 10)


async def test_a_request_without_a_body_is_forwarded_at_once(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    platform.upstream.answers["/models"] = answer_of(b'{"data": []}', content_type="application/json")
    async with asyncio.timeout(5):
        answer = await customer.http.get("/proxy/demo/models")
    assert (answer.status_code, answer.headers["x-credits-charged"]) == (200, "0")
    await platform.settled(customer.account_id, FULL)


async def test_a_gzipped_answer_is_metered_and_passed_on_as_it_is(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    answer = await customer.http.post(
        "/proxy/demo/gzip/chat/completions", json=asking(), headers={"accept-encoding": "br, gzip"}
    )
    assert (answer.headers["content-encoding"], answer.headers["x-credits-charged"]) == ("gzip", "0.01")
    assert answer.json()["usage"]["total_tokens"] == 10
    assert platform.upstream.received[0].header("accept-encoding") == "gzip"


@pytest.mark.parametrize("wants_usage", [False, True])
async def test_a_streams_usage_is_asked_for_and_shown_only_to_who_asked(platform: Platform, wants_usage: bool) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    own = {"stream_options": {"include_usage": True}} if wants_usage else {}
    answer = await customer.http.post("/proxy/demo/chat/completions", json=asking(stream=True, **own))
    assert "x-credits-charged" not in answer.headers
    assert "transfer-encoding" in answer.headers
    assert ('"usage"' in answer.text) is wants_usage
    assert answer.text.endswith("data: [DONE]\n\n")
    assert answer.text.count("data: ") == (5 if wants_usage else 4)
    sent = json.loads(platform.upstream.received[0].body)
    assert sent["stream_options"] == {"include_usage": True}
    assert (await platform.wallet(customer.account_id))["available"] == FULL - 10, "before the stream's end"
    await platform.settled(customer.account_id, FULL - 10)


async def test_anthropics_messages_are_metered(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN, format="anthropic")
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/messages", json=asking(stream=True, max_tokens=100))
    assert answer.text.count("event: ") == 4
    await platform.settled(customer.account_id, FULL - 25)


async def test_the_hold_covers_what_the_request_may_cost_and_no_more(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    call = asyncio.create_task(
        customer.http.post("/proxy/demo/slow/chat/completions", json=asking(stream=True, max_tokens=1_000))
    )
    await eventually(lambda: platform.upstream.received)
    held = (await platform.wallet(customer.account_id))["held"]
    assert 1_000 < held < 1_500
    platform.upstream.go_on.set()
    await call
    await platform.settled(customer.account_id, FULL - 100)


async def test_a_balance_that_does_not_cover_the_input_is_402(platform: Platform) -> None:
    await platform.route("demo", price=PriceParts(per_1000_tokens=1_000 * CREDIT))
    customer = await platform.customer(credits=2)
    answer = await customer.http.post(
        "/proxy/demo/chat/completions", json={"messages": [{"role": "user", "content": "w" * 400}]}
    )
    assert (answer.status_code, code_of(answer)) == (402, "insufficient_credits")
    assert (answer.json()["credits"], answer.json()["required"]) == (2, 100)
    assert platform.upstream.received == []


async def test_the_charge_never_exceeds_the_hold(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN, max_hold=4)
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/chat/completions", json=asking())
    assert answer.headers["x-credits-charged"] == "0.004"
    await platform.settled(customer.account_id, FULL - 4)


LIES = [
    ({"total_tokens": -5}, 1_000),
    ({"total_tokens": 10**30}, 1_000),
    ({"total_tokens": "10"}, 1_000),
    ({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 4_000}, 4_000),
    ({"total_tokens": True}, 1_000),
    (None, 1_000),
]


@pytest.mark.parametrize(("usage", "charged"), LIES)
async def test_senseless_usage_costs_the_minimum_and_contradicting_the_larger(
    platform: Platform, usage: object, charged: int
) -> None:
    await platform.route("demo", price=PriceParts(per_1000_tokens=CREDIT, minimum=CREDIT))
    platform.upstream.answers["/x"] = answer_of(json.dumps({"usage": usage}).encode())
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/x", json=asking())
    assert float(answer.headers["x-credits-charged"]) == charged / CREDIT
    await platform.settled(customer.account_id, FULL - charged)


async def test_usage_said_twice_counts_as_the_larger(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    platform.upstream.answers["/x"] = answer_of(b'{"usage":{"total_tokens":900},"usage":{"total_tokens":3}}')
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/x", json=asking())
    assert answer.headers["x-credits-charged"] == "0.9"


async def test_units_come_from_the_upstreams_header_only(platform: Platform) -> None:
    await platform.route("work", price=PriceParts(per_unit=CREDIT, per_call=500))
    platform.upstream.answers["/x"] = answer_of(b"done", extra="X-Usage-Units: 7\r\n")
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/work/x", content=b"in", headers={"x-usage-units": "0"})
    assert answer.headers["x-credits-charged"] == "7.5"


async def test_gzip_bombs_and_broken_gzip_cost_the_minimum(platform: Platform) -> None:
    await platform.route("demo", price=PriceParts(per_1000_tokens=CREDIT, minimum=3 * CREDIT))
    bomb = gzip.compress(b" " * 60_000_000, compresslevel=9)
    platform.upstream.answers["/bomb"] = answer_of(bomb, extra="content-encoding: gzip\r\n")
    platform.upstream.answers["/broken"] = answer_of(b"no gzip", extra="content-encoding: gzip\r\n")
    customer = await platform.customer()
    for path in ("bomb", "broken"):
        async with customer.http.stream("POST", f"/proxy/demo/{path}", json=asking()) as answer:
            assert answer.headers["x-credits-charged"] == "3"


@pytest.mark.parametrize("path", ["/drop", "/cut", "/hang"])
async def test_an_upstream_that_fails_before_anything_left_costs_nothing(platform: Platform, path: str) -> None:
    await platform.route("demo", price=BY_TOKEN, timeout_ms=300)
    customer = await platform.customer()
    answer = await customer.http.post(f"/proxy/demo{path}", json=asking())
    assert code_of(answer) in ("upstream_error", "upstream_timeout")
    assert answer.headers["x-credits-charged"] == "0"
    await platform.settled(customer.account_id, FULL)


async def test_an_upstreams_own_error_releases_the_hold(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/status/404", json=asking())
    assert (answer.status_code, answer.text, answer.headers["x-credits-charged"]) == (404, "no such thing", "0")
    assert answer.headers["x-credits-remaining"] == "5000"


async def test_a_stream_cut_before_its_usage_is_cut_here_too_and_free(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    with pytest.raises(httpx.RemoteProtocolError):
        await customer.http.post("/proxy/demo/cut/chat/completions", json=asking(stream=True))
    await platform.settled(customer.account_id, FULL)


async def _read_a_little(customer: Customer, path: str) -> None:
    async with customer.http.stream("POST", path, json=asking(stream=True)) as answer:
        async for piece in answer.aiter_raw():
            assert piece
            return


async def test_who_leaves_a_stream_pays_what_it_reports_soon_after(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    await _read_a_little(customer, "/proxy/demo/slow/chat/completions")
    platform.upstream.go_on.set()
    await platform.settled(customer.account_id, FULL - 100)


async def test_who_leaves_a_stream_that_goes_on_pays_an_estimate_of_what_was_streamed(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    await _read_a_little(customer, "/proxy/demo/slow/chat/completions")
    await platform.settled(customer.account_id, FULL - 100)


@pytest.mark.parametrize("ends", ["left", "cut"])
async def test_who_leaves_anthropics_stream_pays_for_more_than_its_beginning_told(
    platform: Platform, ends: str
) -> None:
    """Its first event tells the input and one token of output, whatever comes after."""
    await platform.route("demo", price=BY_TOKEN, format="anthropic")
    customer = await platform.customer()
    begun = event({"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}})
    text = event({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "x" * 400}})
    platform.upstream.answers["/x"] = EVENTS + b"%x\r\n%s\r\n" % (len(begun + text), begun + text)
    if ends == "left":
        await _read_a_little(customer, "/proxy/demo/x")
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            await customer.http.post("/proxy/demo/x", json=asking(stream=True))
    await platform.settled(customer.account_id, FULL - 100)


async def test_bodies_are_bounded_and_plain(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    path = "/proxy/demo/chat/completions"
    coded = await customer.http.post(path, content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    assert (coded.status_code, code_of(coded)) == (415, "unsupported_media_type")

    async def endless():  # type: ignore[no-untyped-def]
        for _ in range(200):
            yield b"x" * 100_000

    large = await customer.http.post(path, content=endless())
    assert (large.status_code, code_of(large)) == (413, "body_too_large")
    assert platform.upstream.received == []
    await platform.settled(customer.account_id, FULL)


async def test_an_answer_too_large_to_keep_back_flows_and_is_paid_by_its_end(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    body = b'{"data":"' + b"x" * 9_000_000 + b'","usage":{"prompt_tokens":40,"total_tokens":40}}'
    platform.upstream.answers["/embeddings"] = answer_of(body)
    customer = await platform.customer()
    answer = await customer.http.post("/proxy/demo/embeddings", json={"input": "x"})
    assert answer.content == body
    assert "x-credits-charged" not in answer.headers
    await platform.settled(customer.account_id, FULL - 40)


async def test_where_a_process_keeps_too_much_back_long_answers_flow(make_platform: MakePlatform) -> None:
    platform = await make_platform(metered_kept_bytes=400_000)
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()

    async def answered(size: int) -> httpx.Response:
        body = b'{"data":"' + b"x" * size + b'","usage":{"prompt_tokens":40,"total_tokens":40}}'
        platform.upstream.answers["/embeddings"] = answer_of(body)
        answer = await customer.http.post("/proxy/demo/embeddings", json={"input": "x"})
        assert answer.content == body
        return answer

    for _ in range(3):  # what was kept is given back
        assert (await answered(150_000)).headers["x-credits-charged"] == "0.04"
    assert "x-credits-charged" not in (await answered(200_000)).headers
    assert (await answered(60_000)).headers["x-credits-charged"] == "0.04"
    await platform.settled(customer.account_id, FULL - 5 * 40)


@pytest.mark.parametrize("size", [200_000, 9_000_000])
async def test_a_compressed_answer_that_is_not_kept_back_is_metered_as_it_flows(
    make_platform: MakePlatform, size: int
) -> None:
    """The shorter one too, where others keep all that may be kept."""
    platform = await make_platform(metered_kept_bytes=0)
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    document = (
        b'{"data":"' + os.urandom(size // 2).hex().encode() + b'","usage":{"prompt_tokens":40,"total_tokens":40}}'
    )
    body = gzip.compress(document, 1)
    assert len(body) > UNCOUNTED_BYTES
    platform.upstream.answers["/embeddings"] = answer_of(body, extra="content-encoding: gzip\r\n")
    answer = await customer.http.post("/proxy/demo/embeddings", json={"input": "x"})
    assert answer.content == document
    assert "x-credits-charged" not in answer.headers
    await platform.settled(customer.account_id, FULL - 40)


async def test_an_event_too_long_to_be_read_is_metered_and_its_end_waits(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    usage = {"input_tokens": 30, "output_tokens": 10, "total_tokens": 40}
    last = event({"type": "response.completed", "response": {"output": ["A" * 1_300_000], "usage": usage}})
    platform.upstream.answers["/responses"] = EVENTS + b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last)
    async with customer.http.stream("POST", "/proxy/demo/responses", json=asking(stream=True)) as answer:
        came = bytearray()
        async for piece in answer.aiter_raw():
            came += piece
            if came.endswith(b"\n\n"):
                assert (await platform.wallet(customer.account_id))["available"] == FULL - 40
    assert bytes(came) == last
    await platform.settled(customer.account_id, FULL - 40)


@pytest.mark.parametrize("outcome", ["delivered", "disconnected"])
async def test_a_long_answer_is_kept_until_its_caller_has_it(
    make_platform: MakePlatform, billing_db: Database, outcome: str
) -> None:
    platform = await make_platform(metered_kept_bytes=40_000_000)
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    body = b'{"data":"' + b"x" * 8_000_000 + b'","usage":{"prompt_tokens":40,"total_tokens":40}}'
    platform.upstream.answers["/embeddings"] = answer_of(body)
    kept, pool = platform.gateway.paid._desk.kept_back, await billing_db.asyncpg_pool()

    async def ended_as(said: str) -> bool:
        found = await pool.fetchval("SELECT outcome FROM usage_records WHERE account_id = $1", customer.account_id)
        return bool(found == said)

    reader, writer = await asking_slowly(customer, "/proxy/demo/embeddings")
    assert b"x-credits-charged: 0.04" in await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.3)
    assert kept.left_bytes < 40_000_000 - len(body) + UNCOUNTED_BYTES + 1
    assert await ended_as("unknown")
    if outcome == "delivered":
        assert await reader.readexactly(len(body)) == body
    writer.transport.abort()
    await eventually(lambda: ended_as(outcome), within_seconds=10)
    assert kept.left_bytes == 40_000_000
    await platform.settled(customer.account_id, FULL - 40)


async def test_what_was_kept_of_an_answer_that_flows_is_counted_until_its_caller_has_it(
    make_platform: MakePlatform,
) -> None:
    platform = await make_platform(metered_kept_bytes=20_000_000)
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    body = b'{"data":"' + b"x" * 8_000_000 + b'","usage":{"prompt_tokens":40,"total_tokens":40}}'
    platform.upstream.answers["/embeddings"] = answer_of(body)
    kept = platform.gateway.paid._desk.kept_back
    reader, writer = await asking_slowly(customer, "/proxy/demo/embeddings")
    assert b"x-credits-charged" not in await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.3)
    assert kept.left_bytes < 16_000_000
    assert await reader.readexactly(len(body)) == body
    assert kept.left_bytes == 20_000_000
    writer.transport.abort()
    await platform.settled(customer.account_id, FULL - 40)


async def asking_slowly(customer: Customer, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A caller's own connection that takes little at a time, with a request on it."""
    url = customer.http.base_url
    receiving = socket.socket()
    receiving.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    receiving.setblocking(False)
    await asyncio.get_running_loop().sock_connect(receiving, (url.host, url.port))
    reader, writer = await asyncio.open_connection(sock=receiving, limit=4_096)
    content = json.dumps(asking())
    own = f"X-API-Key: {customer.key}\r\nContent-Length: {len(content)}"
    writer.write(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{own}\r\n\r\n{content}".encode())
    return reader, writer


@pytest.mark.long
async def test_without_a_capture_no_answer_ends_well(make_platform: MakePlatform) -> None:
    platform = await make_platform(billing_deadline_ms=1_000, hold_margin_ms=1_000)
    await platform.route("demo", price=BY_TOKEN, timeout_ms=2_000)
    customer = await platform.customer()

    async def with_billing_away(path: str) -> httpx.Response:
        platform.upstream.received.clear()
        platform.upstream.go_on.clear()
        call = asyncio.create_task(customer.http.post(path, json=asking(stream=True)))
        await eventually(lambda: platform.upstream.received, within_seconds=15)
        platform.send_postings_to(NOWHERE)
        platform.upstream.go_on.set()
        return await call

    with pytest.raises(httpx.RemoteProtocolError):
        await with_billing_away("/proxy/demo/slow/chat/completions")
    platform.send_postings_to(platform.billing_url)
    await platform.settled(customer.account_id, FULL)
    refused = await with_billing_away("/proxy/demo/held")
    assert (refused.status_code, code_of(refused)) == (503, "billing_unavailable")
    platform.send_postings_to(platform.billing_url)
    await platform.settled(customer.account_id, FULL)


async def test_a_capture_after_its_hold_has_lapsed_cuts_the_answer(platform: Platform) -> None:
    """What has streamed is out; the last words that make it whole never leave."""
    await platform.route("demo", price=BY_TOKEN)
    customer = await platform.customer()
    came = bytearray()

    async def read() -> None:
        path = "/proxy/demo/slow/chat/completions"
        async with customer.http.stream("POST", path, json=asking(stream=True)) as answer:
            async for piece in answer.aiter_raw():
                came.extend(piece)

    call = asyncio.create_task(read())
    await eventually(lambda: came)
    request_id = platform.upstream.received[0].header("x-request-id")
    assert request_id is not None
    release = {
        "op": "release",
        "hold_id": str(decode("req", request_id)),
        "account_id": customer.account_id,
        "outcome": "unknown",
    }
    await platform.gateway.billing.post(PATH, {"items": [release]}, idempotent=False)
    platform.upstream.go_on.set()
    with pytest.raises(httpx.RemoteProtocolError):
        await call
    assert b"xxxx" in came and b"[DONE]" not in came
    await platform.settled(customer.account_id, FULL)


async def test_the_last_event_waits_for_the_capture(platform: Platform) -> None:
    await platform.route("demo", price=BY_TOKEN)
    platform.upstream.answers["/x"] = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        + event({"choices": [{"delta": {"content": "a"}, "finish_reason": "stop"}]})
        + event({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 5}})
        + b"data: [DONE]\n\n"
    )
    customer = await platform.customer()
    async with customer.http.stream("POST", "/proxy/demo/x", json=asking()) as answer:
        async for _ in answer.aiter_raw():
            assert (await platform.wallet(customer.account_id))["available"] == FULL - 10
