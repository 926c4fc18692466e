"""How a request comes in: its head, its body in pieces, its place in the row, and its being refused."""

import asyncio
import json
import socket
import zlib

import pytest

from services.gateway.api.edge import EdgeProtocol
from services.gateway.use_cases.paid_call.request import CallerLeft, PaidAnswer, PaidRequest
from shared.doors import protocol
from shared.errors import DomainError
from tests.integration.gateway_edge.conftest import House, MakeHouse, Wire, head, post, whole_body
from tests.support.http import eventually

CHUNKED = head("POST /proxy/a HTTP/1.1", "Transfer-Encoding: chunked")


def code(answer: tuple[int, dict[str, str], bytes]) -> str:
    return str(json.loads(answer[2])["code"])


async def refuse(_request: PaidRequest) -> PaidAnswer:
    raise DomainError("invalid_api_key", "No.")


async def test_a_body_that_came_with_its_head_is_bytes(house: House) -> None:
    wire = await house.one(post(b"hello"), post(b""), head(), CHUNKED + "3\r\nabc\r\n0\r\n\r\n")
    assert [(await wire.answer())[2][3:] for _ in range(4)] == [
        b"/proxy/a/bhello",
        b"/proxy/a/b",
        b"/proxy/a/b",
        b"/proxy/aabc",
    ]
    assert [one.body for one in house.stub.seen] == [b"hello", b"", b"", b"abc"]


async def test_a_short_body_is_awaited_whole(make_house: MakeHouse) -> None:
    house = await make_house(slow_seconds=10)
    wire = await house.one(post(b"hello")[:-3])
    await eventually(lambda: house.edge.gathering == 1)
    assert house.stub.seen == []
    await wire.send(b"llo")
    assert (await wire.answer())[0] == 200
    assert house.stub.seen[0].body == b"hello" and house.edge.gathering == 0


async def test_when_too_many_wait_for_bodies_a_call_begins_without(make_house: MakeHouse) -> None:
    house = await make_house(slow_seconds=10, most_gathering=0)
    wire = await house.one(post(b"hello")[:-3])
    await eventually(lambda: house.stub.seen)
    await wire.send(b"llo")
    assert (await wire.answer())[2].endswith(b"hello")
    assert not isinstance(house.stub.seen[0].body, bytes)


async def test_a_chunked_body_is_read_as_it_comes_and_its_trailer_dropped(house: House) -> None:
    wire = await house.one(CHUNKED, "3\r\nabc\r\n")
    await eventually(lambda: house.stub.seen)
    await wire.send("2\r\nde\r\n0\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n", head())
    assert (await wire.answer())[2].endswith(b"abcde")
    assert (await wire.answer())[0] == 200
    assert all(name != b"x-forwarded-for" for one in house.stub.seen for name, _ in one.headers)


async def stuck_at(wire: Wire) -> int:
    """How much of what was written nobody takes."""
    before = -1
    while (left := wire.writer.transport.get_write_buffer_size()) != before:
        before = left
        await asyncio.sleep(0.05)
    return left


@pytest.mark.parametrize("path", ["/proxy/a", "/wait"])
@pytest.mark.parametrize("nonsense", [b"", b"nonsense"])
async def test_what_comes_behind_a_request_waits_for_its_answer(house: House, path: str, nonsense: bytes) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        await go_on.wait()

    async def handler(_request: PaidRequest) -> PaidAnswer:
        await wait()
        return PaidAnswer(200, [], b"done")

    house.stub.handler = handler
    house.app.add_api_route("/wait", wait)
    wire = await house.one(head(f"GET {path} HTTP/1.1"), nonsense)
    await begun.wait()
    wire.writer.write(bytes(32 * 1024 * 1024))
    assert await stuck_at(wire) > 16 * 1024 * 1024
    go_on.set()
    if not nonsense:
        assert (await wire.answer())[0] == 200


async def test_a_large_upload_waits_for_who_reads_it(make_house: MakeHouse) -> None:
    house, go_on, size = await make_house(slow_seconds=10), asyncio.Event(), 32 * 1024 * 1024

    async def handler(request: PaidRequest) -> PaidAnswer:
        await go_on.wait()
        return PaidAnswer(200, [], b"%d" % zlib.crc32(await whole_body(request)))

    house.stub.handler = handler
    body = bytes(range(256)) * (size // 256)
    wire = await house.wire()
    wire.writer.write(post(body))
    sending = asyncio.create_task(wire.writer.drain())
    await eventually(lambda: house.edge.calls == 1)
    assert await stuck_at(wire) > size // 2, "most of it is still here"
    go_on.set()
    await sending
    assert (await wire.answer())[2] == b"%d" % zlib.crc32(body)


@pytest.mark.parametrize("sent", [post(b"hello")[:-3], CHUNKED.encode() + b"3\r\nab"])
async def test_a_body_that_comes_too_slowly_is_refused(house: House, sent: bytes) -> None:
    wire = await house.one(sent)
    answer = await wire.answer()
    assert (answer[0], code(answer), answer[1]["connection"]) == (408, "request_timeout", "close")
    assert await wire.is_over()


async def test_100_is_said_when_the_body_is_read_and_not_before_a_refusal(house: House) -> None:
    asked = head("POST /proxy/a HTTP/1.1", "Content-Length: 5", "Expect: 100-continue")
    wire = await house.one(asked)
    assert await wire.answer(has_body=False) == (100, {}, b"")
    await wire.send(b"hello")
    assert (await wire.answer())[2].endswith(b"hello")
    await wire.send(asked, b"hello")
    assert (await wire.answer())[0] == 200, "what has come is not asked for"
    house.stub.handler = refuse
    refused = await house.one(asked)
    status, headers, _ = await refused.answer()
    assert (status, headers["connection"]) == (401, "close")
    assert await refused.is_over()


async def test_who_is_refused_in_the_middle_of_a_long_body_gets_to_read_why(house: House) -> None:
    house.stub.handler = refuse
    for framing in ("Content-Length: 900000", "Transfer-Encoding: chunked"):
        wire = await house.one(head("POST /proxy/a HTTP/1.1", framing), b"dbba0\r\n")
        await eventually(lambda: house.stub.seen)
        await wire.send(bytes(700_000))
        answer = await wire.answer()
        assert (answer[0], answer[1]["connection"]) == (401, "close")
        assert await wire.is_over()
        house.stub.seen.clear()


async def test_the_rest_of_a_short_refused_body_is_dropped(make_house: MakeHouse) -> None:
    house = await make_house(most_gathered=0, slow_seconds=10)
    house.stub.handler = refuse
    wire = await house.one(head("POST /proxy/a HTTP/1.1", "Content-Length: 200000"), bytes(1_000))
    answer = await wire.answer()
    assert answer[0] == 401 and "connection" not in answer[1]
    await wire.send(bytes(199_000), head("GET /ping HTTP/1.1"))
    assert (await wire.answer())[2] == b'{"status":"ok"}'


async def test_after_a_refusal_that_ends_the_connection_nothing_more_is_served(house: House) -> None:
    doubled = head("GET /proxy/a HTTP/1.1", "Host: localhost")
    wire = await house.one(doubled, head(), head("GET /ping HTTP/1.1"))
    answer = await wire.answer()
    assert (answer[0], code(answer), answer[1]["connection"]) == (400, "ambiguous_headers", "close")
    assert await wire.is_over()
    assert house.stub.seen == []


async def test_requests_in_a_row_are_answered_in_their_order(house: House) -> None:
    async def handler(request: PaidRequest) -> PaidAnswer:
        await asyncio.sleep(0.02 if request.head.query == b"0" else 0)
        return PaidAnswer(200, [], request.head.query)

    house.stub.handler = handler
    wire = await house.wire()
    for number in range(10):
        await wire.send(head(f"POST /proxy/a?{number} HTTP/1.1", "Content-Length: 3"), b"abc")
        await wire.send(head(f"GET /ping?{number} HTTP/1.1"))
    for number in range(10):
        assert (await wire.answer())[2] == b"%d" % number
        assert (await wire.answer())[2] == b'{"status":"ok"}'


async def test_only_so_many_requests_wait_in_a_row(make_house: MakeHouse) -> None:
    house = await make_house(most_pipelined=4)
    wire = await house.one(head() * 50)
    answers = [await wire.answer() for _ in range(5)]
    assert [headers.get("connection") for _, headers, _ in answers] == [None] * 4 + ["close"]
    assert await wire.is_over()
    assert len(house.stub.seen) == 5


async def test_a_caller_who_hangs_up_is_noticed_behind_waiting_requests_too(make_house: MakeHouse) -> None:
    house, left = await make_house(), asyncio.Event()

    async def handler(request: PaidRequest) -> PaidAnswer:
        request.presence.when_leaving(left.set)
        await left.wait()
        raise CallerLeft

    house.stub.handler = handler
    long = CHUNKED.encode() + (b"c350\r\n" + bytes(50_000) + b"\r\n") * 2 + b"0\r\n\r\n"
    for sent, more in ((head(), b""), (head(), head().encode() * 3), (long, b"")):
        left.clear()
        house.stub.seen.clear()
        wire = await house.one(sent)
        await eventually(lambda: house.stub.seen)
        await wire.send(more)
        wire.writer.close()
        await asyncio.wait_for(left.wait(), 5)
        await eventually(lambda: house.edge.calls == 0)
        assert len(house.stub.seen) == 1


async def test_a_caller_who_leaves_in_the_middle_of_a_body_has_left(make_house: MakeHouse) -> None:
    house, ends = await make_house(slow_seconds=10), list[str]()

    async def handler(request: PaidRequest) -> PaidAnswer:
        try:
            await whole_body(request)
        except CallerLeft:
            ends.append("left")
            raise
        raise AssertionError

    house.stub.handler = handler
    wire = await house.one(CHUNKED, "5\r\nab")
    await eventually(lambda: house.stub.seen)
    wire.writer.close()
    await eventually(lambda: ends == ["left"] and house.edge.calls == 0)
    waiting = await house.one(post(b"hello")[:-1])
    await eventually(lambda: house.edge.gathering == 1)
    waiting.writer.close()
    await eventually(lambda: house.edge.gathering == 0)
    assert len(house.stub.seen) == 1


@pytest.mark.parametrize(
    ("line", "headers", "expected"),
    [
        ("GET /proxy/a//b HTTP/1.1", ("Host: localhost",), "ambiguous_path"),
        ("GET /proxy/a/%2e%2e/b HTTP/1.1", ("Host: localhost",), "ambiguous_path"),
        ("GET /proxy/a HTTP/1.1", ("Host: evil.example",), "misdirected_request"),
        ("GET /proxy/a HTTP/1.1", (), "ambiguous_headers"),
        ("GET http://evil.example/proxy/a HTTP/1.1", ("Host: localhost",), "misdirected_request"),
        ("TRACE /proxy/a HTTP/1.1", ("Host: localhost",), "method_not_allowed"),
        ("CONNECT /proxy/a HTTP/1.1", ("Host: localhost",), "method_not_allowed"),
        ("POST /proxy/a HTTP/1.0", ("Host: localhost", "Transfer-Encoding: chunked"), "ambiguous_headers"),
        (f"GET /proxy/{'a' * 9_000} HTTP/1.1", ("Host: localhost",), "uri_too_long"),
        ("GET /proxy/a HTTP/1.1", ("Host: localhost", *(f"X-{n}: y" for n in range(300))), "headers_too_large"),
    ],
)
async def test_what_has_two_meanings_is_refused(
    house: House, line: str, headers: tuple[str, ...], expected: str
) -> None:
    wire = await house.one("\r\n".join((line, *headers, "", "")))
    assert code(await wire.answer()) == expected
    assert house.stub.seen == []


async def test_a_connection_remembers_a_short_head_whatever_its_bodies_lengths(house: House) -> None:
    wire = await house.wire()
    for body in (b"one", b"three"):
        await wire.send(post(body))
        assert (await wire.answer())[2] == b"ok /proxy/a/b" + body
    first, second = house.stub.seen
    assert first.head is second.head
    assert [dict(one.headers)[b"content-length"] for one in (first, second)] == [b"3", b"5"]


async def test_a_connection_remembers_no_long_head(house: House) -> None:
    wire = await house.wire()
    for _ in range(2):
        await wire.send(post(b"", "X-Long: " + "x" * 5_000))
        assert (await wire.answer())[0] == 200
    assert house.stub.seen[0].head is not house.stub.seen[1].head


async def test_an_absolute_target_is_served_as_its_path(house: House) -> None:
    wire = await house.one(head("GET http://api.example.com/proxy/a?b HTTP/1.1", host="evil.example"))
    assert (await wire.answer())[0] == 200
    assert (house.stub.seen[0].head.raw_path, house.stub.seen[0].head.query) == (b"/proxy/a", b"b")
    assert [value for name, value in house.stub.seen[0].headers if name == b"host"] == [b"api.example.com"]


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET /proxy/\xc3\xa4 HTTP/1.1\r\nHost: localhost\r\n\r\n"])
async def test_what_is_no_http_is_refused_as_a_problem(house: House, sent: bytes) -> None:
    wire = await house.one(sent)
    answer = await wire.answer()
    assert (answer[0], code(answer), answer[1]["connection"]) == (400, "malformed_request", "close")
    assert await wire.is_over()


async def test_nonsense_behind_a_request_does_not_take_its_answers_place(house: House) -> None:
    for request in (head(), head("GET /ping HTTP/1.1"), post(b"abc").decode()):
        wire = await house.one(request + "nonsense\r\n\r\n")
        assert (await wire.answer())[0] == 200
        assert await wire.is_over()


async def test_a_body_that_breaks_off_into_nonsense_is_refused(house: House) -> None:
    for broken in (CHUNKED + "zz\r\n", CHUNKED + "3\r\nabcd"):
        wire = await house.one(broken)
        answer = await wire.answer()
        assert (answer[0], code(answer), answer[1]["connection"]) == (400, "malformed_request", "close")
        assert await wire.is_over()


@pytest.mark.parametrize("path", ["/proxy/a", "/ping"])
async def test_an_upgrade_is_not_taken_up(house: House, path: str) -> None:
    wire = await house.one(head(f"GET {path} HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket"), b"\x81\x01a")
    assert (await wire.answer())[1]["connection"] == "close"
    assert await wire.is_over()


@pytest.mark.parametrize("framing", ["Content-Length: 3", "Transfer-Encoding: chunked"])
async def test_a_body_that_an_upgrade_would_swallow_is_not_paid_for(house: House, framing: str) -> None:
    wishing = head("POST /proxy/a HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c", framing)
    for before in ("", head("POST /proxy/a HTTP/1.1", "Content-Length: 0")):
        house.stub.seen.clear()
        wire = await house.one(before + wishing, b"3\r\nabc\r\n0\r\n\r\n" if "chunked" in framing else b"abc")
        if before:
            assert (await wire.answer())[0] == 200
        answer = await wire.answer()
        assert (answer[0], code(answer), answer[1]["connection"]) == (400, "ambiguous_headers", "close")
        assert await wire.is_over()
        assert len(house.stub.seen) == bool(before)
    wire = await house.one(head("POST /proxy/a HTTP/1.1", "Connection: Upgrade", "Upgrade: h2c", "Content-Length: 0"))
    assert (await wire.answer())[0] == 200


async def test_a_head_ends_in_time_and_in_bytes(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = await make_house(head_seconds=0.1)
    for begun in ("", "GET /proxy/a HTT", "\r\n", head() + "GET "):
        wire = await house.one(begun)
        if begun.startswith("GET /proxy/a/b"):
            assert (await wire.answer())[0] == 200
        assert await wire.is_over(), begun
    monkeypatch.setattr(protocol, "LARGEST_HEAD", 1_000)
    wire = await house.one("GET /proxy/a HTTP/1.1\r\nX: ", "y" * 2_000)
    assert code(await wire.answer()) == "malformed_request"


async def test_a_quiet_connection_is_ended_by_the_sweep(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    made = EdgeProtocol.connection_made

    def impatient(self: EdgeProtocol, transport: asyncio.Transport) -> None:
        made(self, transport)
        self.timeout_keep_alive = 0  # in whole seconds

    monkeypatch.setattr(EdgeProtocol, "connection_made", impatient)
    for path in ("/proxy/a", "/ping"):
        wire = await house.one(head(f"GET {path} HTTP/1.1"))
        assert (await wire.answer())[0] == 200
        assert await wire.is_over()


async def test_half_a_connection_is_a_caller_who_left(house: House) -> None:
    wire = await house.one(head("POST /proxy/a HTTP/1.1", "Content-Length: 5"))
    wire.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
    assert await wire.is_over()
    assert house.stub.seen == [] and house.edge.gathering == 0
