"""How an answer leaves: its head, its end, and its being cut."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from services.gateway.use_cases.paid_call.request import AnswerCut, PaidAnswer, PaidRequest
from shared.errors import DomainError
from tests.integration.gateway_edge.conftest import House, MakeHouse, head, pieces, post
from tests.support.http import eventually


async def test_a_whole_answer_has_its_length_a_date_and_the_requests_id(house: House) -> None:
    wire = await house.one(head())
    status, headers, body = await wire.answer()
    assert (status, body) == (200, b"ok /proxy/a/b")
    assert headers["content-length"] == "13" and headers["date"].endswith("GMT")
    assert headers["x-request-id"] == house.stub.seen[0].request_id
    assert "connection" not in headers and "server" not in headers


async def test_a_connection_is_kept_for_the_next_request(house: House) -> None:
    wire = await house.wire()
    for _ in range(3):
        await wire.send(head())
        assert (await wire.answer())[0] == 200
        await wire.send(head("GET /ping HTTP/1.1"))
        assert (await wire.answer())[2] == b'{"status":"ok"}'


@pytest.mark.parametrize("asked", [head("GET /proxy/a HTTP/1.0"), head("GET /proxy/a HTTP/1.1", "Connection: close")])
async def test_who_wants_one_answer_gets_one_and_the_end(house: House, asked: str) -> None:
    wire = await house.one(asked)
    status, headers, _ = await wire.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert await wire.is_over()


async def test_an_answer_to_head_has_a_length_and_no_body(house: House) -> None:
    async def handler(request: PaidRequest) -> PaidAnswer:
        body = b"" if request.head.raw_path.endswith(b"whole") else pieces(b"never sent")
        return PaidAnswer(200, [(b"content-length", b"500")], body)

    house.stub.handler = handler
    wire = await house.wire()
    for path in ("whole", "pieces"):
        await wire.send(head(f"HEAD /proxy/{path} HTTP/1.1"))
        _, headers, _ = await wire.answer(has_body=False)
        assert headers["content-length"] == "500" and "transfer-encoding" not in headers
    await wire.send(head("GET /ping HTTP/1.1"))
    assert (await wire.answer())[2] == b'{"status":"ok"}'


@pytest.mark.parametrize("status", [204, 304])
async def test_an_answer_without_a_body_has_no_framing(house: House, status: int) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(status, [(b"x-some", b"thing")], pieces(b"never sent"))

    house.stub.handler = handler
    wire = await house.one(head(), head("GET /ping HTTP/1.1"))
    answered, headers, _ = await wire.answer(has_body=False)
    assert answered == status and not {"content-length", "transfer-encoding"} & set(headers)
    assert (await wire.answer())[2] == b'{"status":"ok"}'


async def test_an_answer_of_unknown_length_is_chunked_or_ends_with_the_connection(house: House) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(200, [], pieces(b"", b"one ", b"two"))

    house.stub.handler = handler
    wire = await house.one(head())
    _, headers, body = await wire.answer()
    assert (headers["transfer-encoding"], body) == ("chunked", b"one two")
    old = await house.one(head("GET /proxy/a HTTP/1.0"))
    _, headers, _ = await old.answer(has_body=False)
    assert "transfer-encoding" not in headers
    assert await old.rest() == b"one two"


async def _half(request: PaidRequest) -> AsyncGenerator[bytes]:
    yield b"half"
    if request.head.query == b"assert":
        raise RuntimeError("a mistake of ours")
    raise AnswerCut


@pytest.mark.parametrize("query", ["", "?assert"])
async def test_a_cut_answer_can_be_told_from_a_whole_one(house: House, query: str) -> None:
    async def handler(request: PaidRequest) -> PaidAnswer:
        length = [(b"content-length", b"8")] if b"length" in request.head.raw_path else []
        return PaidAnswer(200, length, _half(request))

    house.stub.handler = handler
    chunked = await (await house.one(head(f"GET /proxy/a{query} HTTP/1.1"))).rest()
    assert chunked.endswith(b"4\r\nhalf\r\n")
    counted = await (await house.one(head(f"GET /proxy/length{query} HTTP/1.1"))).rest()
    assert counted.endswith(b"\r\n\r\nhalf")
    old = await house.one(head(f"GET /proxy/a{query} HTTP/1.0"))
    with pytest.raises(ConnectionResetError):
        await old.rest()


@pytest.mark.parametrize(("length", "sent"), [(b"3", b""), (b"5", b"four")])
async def test_an_answer_that_is_not_as_long_as_it_says_is_cut(house: House, length: bytes, sent: bytes) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(200, [(b"content-length", length)], pieces(b"four"))

    house.stub.handler = handler
    wire = await house.one(head())
    assert (await wire.rest()).partition(b"\r\n\r\n")[2] == sent


async def test_a_header_of_two_lines_never_leaves(house: House) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(200, [(b"x-some", b"thing\r\nx-other: thing")], b"body")

    house.stub.handler = handler
    status, headers, body = await (await house.one(head())).answer()
    assert status == 500 and "x-other" not in headers and json.loads(body)["code"] == "internal_error"


async def test_a_refusal_is_a_problem_document(house: House) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        raise DomainError("invalid_api_key", "No.", headers={"WWW-Authenticate": "Bearer"}, extra={"more": 1})

    house.stub.handler = handler
    wire = await house.one(head("GET /proxy/a%20b?c HTTP/1.1"))
    status, headers, body = await wire.answer()
    problem = json.loads(body)
    assert (status, problem["status"], problem["code"], problem["more"]) == (401, 401, "invalid_api_key", 1)
    assert headers["content-type"] == "application/problem+json" and headers["www-authenticate"] == "Bearer"
    assert problem["request_id"] == headers["x-request-id"] and problem["instance"] == "/proxy/a%20b"
    await wire.send(head("HEAD /proxy/a HTTP/1.1"))
    assert int((await wire.answer(has_body=False))[1]["content-length"]) > 100
    await wire.send(head())
    assert (await wire.answer())[0] == 401


async def test_who_reads_no_further_is_not_written_for(make_house: MakeHouse) -> None:
    house = await make_house()
    made, was_closed = 0, asyncio.Event()

    async def flood(request: PaidRequest) -> AsyncGenerator[bytes]:
        nonlocal made
        while not request.presence.has_left and made < 10_000:
            made += 1
            yield bytes(64 * 1024)
        was_closed.set()

    async def handler(request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(200, [], flood(request))

    house.stub.handler = handler
    wire = await house.one(head())
    wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.wait_for(was_closed.wait(), 10)
    assert made * 64 * 1024 < 64 * 1024 * 1024
    assert house.stub.seen[0].presence.has_left
    await eventually(lambda: house.edge.calls == 0)


async def test_a_large_whole_answer_waits_for_who_reads_slowly(house: House) -> None:
    async def handler(_request: PaidRequest) -> PaidAnswer:
        return PaidAnswer(200, [], bytes(12 * 1024 * 1024))

    house.stub.handler = handler
    wire = await house.one(head(), head("GET /ping HTTP/1.1"))
    status, _, body = await wire.answer()
    assert (status, len(body)) == (200, 12 * 1024 * 1024)
    assert (await wire.answer())[2] == b'{"status":"ok"}'


async def test_more_calls_than_a_process_may_have_are_refused_before_all_else(make_house: MakeHouse) -> None:
    house, go_on = await make_house(max_calls=2), asyncio.Event()

    async def handler(_request: PaidRequest) -> PaidAnswer:
        await go_on.wait()
        return PaidAnswer(200, [], b"")

    house.stub.handler = handler
    waiting = [await house.one(post(b"x")) for _ in range(2)]
    await eventually(lambda: house.edge.calls == 2)
    wire = await house.one(head("GET /proxy//a HTTP/1.1"))
    status, headers, body = await wire.answer()
    assert (status, headers["retry-after"], json.loads(body)["code"]) == (503, "1", "overloaded")
    go_on.set()
    assert [(await one.answer())[0] for one in waiting] == [200, 200]
    await wire.send(head())
    assert (await wire.answer())[0] == 200
    assert house.edge.calls == 0
