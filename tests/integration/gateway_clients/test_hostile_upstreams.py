"""Upstreams that hang, drop, lie, drip and flood: a failure or an answer, memory bounded, nothing leaked."""

import asyncio
import socket
import struct

import pytest

from services.gateway.clients.http1 import ExchangeFailed
from services.gateway.clients.http1.answer import MARK
from services.gateway.clients.http1.connection import MOST_HEADERS, MOST_SILENT
from tests.integration.gateway_clients.peer import OK, Peer, answering, ended, get, peer, pool_of, read, read_head
from tests.support.http import eventually

ONE_READ = 256 * 1024
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 600 High\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 999 High\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 1000 High\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\nraw",
        b"HTTP/1.1 101 Switching\r\n\r\n" + OK,
        HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nok!",
        HEAD + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"transfer-encoding: identity\r\n\r\nok",
        HEAD + b"content-length: -1\r\n\r\n",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"x: a\0b\r\ncontent-length: 0\r\n\r\n",
        HEAD + b"x: a\r\n folded: b\r\ncontent-length: 0\r\n\r\n",
        HEAD + b"x : a\r\ncontent-length: 0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_garbage_is_a_failure(garbage: bytes) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.heads.append(await read_head(reader))
        writer.write(garbage)

    async with peer(act) as made, pool_of() as pool:
        with pytest.raises(ExchangeFailed):
            await get(pool, made, "POST")
        assert len(made.heads) == 1


@pytest.mark.parametrize(
    "beginning",
    [
        HEAD + b"content-length: 10\r\n\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\n",
        CHUNKED + b"8\r\nhalf",
        CHUNKED + b"4\r\nhalf\r\nzz\r\n",
        CHUNKED + b"4\r\nhalf\r\nFFFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"4\r\nhalf and more\r\n",
    ],
)
async def test_what_came_before_a_cut_is_handed_over_and_then_the_failure(beginning: bytes) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        cut = beginning.index(b"half")
        writer.write(beginning[:cut])
        await made.go_on.wait()
        writer.write(beginning[cut:])

    async with peer(act) as made, pool_of() as pool:
        answer = await get(pool, made)
        assert answer.whole is None
        made.go_on.set()
        pieces = answer.body()
        assert await anext(pieces) == b"half"
        with pytest.raises(ExchangeFailed):
            await anext(pieces)
        await answer.close()


async def test_a_reset_in_a_body_that_ends_with_its_connection_is_no_end() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(HEAD + b"\r\nhalf")
        await made.go_on.wait()
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with peer(act) as made, pool_of() as pool:
        answer = await get(pool, made)
        pieces = answer.body()
        assert await anext(pieces) == b"half"
        made.go_on.set()
        with pytest.raises(ExchangeFailed):
            await anext(pieces)


@pytest.mark.parametrize("surplus", [b"!", b"ok", b"HTTP", OK, CHUNKED + b"0\r\n\r\n"])
async def test_more_than_the_length_that_was_said_never_reaches_the_next_request(surplus: bytes) -> None:
    async with peer(answering(OK + surplus)) as made, pool_of() as pool:
        for number in range(1, 4):
            assert (await get(pool, made)).whole == b"ok"
            assert made.connections == number


@pytest.mark.parametrize("surplus", [b"ok", b"2\r\nok\r\n0\r\n\r\n"])
async def test_a_body_after_the_answer_to_head_never_reaches_the_next_request(surplus: bytes) -> None:
    framing = b"content-length: 2" if surplus == b"ok" else b"transfer-encoding: chunked"
    async with peer(answering(HEAD + framing + b"\r\n\r\n" + surplus, OK)) as made, pool_of() as pool:
        assert (await get(pool, made, "HEAD")).whole == b""
        assert (await get(pool, made)).headers == [(framing.partition(b":")[0], framing.partition(b": ")[2])]
        assert made.connections == 2


async def test_an_answer_to_nothing_is_never_taken_for_one() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OK)
        await writer.drain()
        writer.write(HEAD + b"content-length: 6\r\n\r\npoison")
        await ended(reader)
        made.ended += 1

    async with peer(act) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        await eventually(lambda: made.ended == 1)
        assert (await get(pool, made)).whole == b"ok"


async def _endlessly(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await writer.drain()


@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (HEAD + b"x: ", b"a" * 1_000),
        (HEAD, b"a: b\r\n" * 100),
        (HEAD[:-2], b"k" * 1_000),
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 20),
        (b"", b"\r\n" * 500),
        (CHUNKED + b"2\r\nok\r\n1;x=", b"e" * 1_000),
        (CHUNKED + b"2\r\nok\r\n0\r\n", b"trailer: t\r\n" * 100),
    ],
)
async def test_what_never_becomes_a_body_is_cut_after_100_kib(beginning: bytes, again: bytes) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(beginning)
        await _endlessly(writer, again)

    async with peer(act) as made, pool_of() as pool, asyncio.timeout(20):
        with pytest.raises(ExchangeFailed):
            await read(await get(pool, made, "POST"))
        await eventually(lambda: made.ended == 1)


async def test_a_head_may_be_long_but_not_longer_than_100_kib() -> None:
    long = HEAD + b"x: %b\r\n" % (b"a" * 90_000) + b"content-length: 2\r\n\r\nok"
    too_long = HEAD + b"x: %b\r\n" % (b"a" * MOST_SILENT) + b"content-length: 2\r\n\r\nok"
    async with peer(answering(long, too_long)) as made, pool_of() as pool:
        assert await read(await get(pool, made)) == b"ok"
        with pytest.raises(ExchangeFailed):
            await read(await get(pool, made, "POST"))


async def test_a_head_may_have_200_headers_but_not_any_number() -> None:
    def with_headers(number: int) -> bytes:
        return HEAD + b"".join(b"x-%d: y\r\n" % count for count in range(number)) + b"content-length: 2\r\n\r\nok"

    async with peer(answering(with_headers(200), with_headers(MOST_HEADERS))) as made, pool_of() as pool:
        assert len((await get(pool, made)).headers) == 201
        with pytest.raises(ExchangeFailed):
            await get(pool, made, "POST")


@pytest.mark.parametrize("answer", [OK, CHUNKED + b"1;e=1\r\no\r\n1\r\nk\r\n0\r\nt: v\r\n\r\n"])
async def test_an_answer_that_drips_byte_by_byte_is_had(answer: bytes) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while await read_head(reader):
            for number in range(len(answer)):
                writer.write(answer[number : number + 1])
                await writer.drain()
                await asyncio.sleep(0)

    async with peer(act) as made, pool_of() as pool:
        for _ in range(2):
            assert await read(await get(pool, made, "POST")) == b"ok"
        assert made.connections == 1


async def test_a_hanging_upstream_hangs_no_longer_than_its_caller_waits() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if b"/x" in head and made.go_on.is_set():
            writer.write(HEAD + b"content-length: 4\r\n\r\nha")
        await ended(reader)
        made.ended += 1

    async with peer(act) as made, pool_of() as pool:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await get(pool, made)
        made.go_on.set()
        answer = await get(pool, made)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await read(answer)
        await eventually(lambda: made.ended == 2)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (HEAD + b"\r\n", b"x" * 65_536),
        (HEAD + b"content-length: 1000000000\r\n\r\n", b"x" * 65_536),
        (CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
        (CHUNKED, b"1\r\nx\r\n" * 10_000),
    ],
)
async def test_a_flood_waits_for_its_reader(head: bytes, piece: bytes) -> None:
    sent = 0

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_head(reader)
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            sent += len(piece)

    async with peer(act) as made, pool_of() as pool:
        answer = await get(pool, made)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert MARK < answer.size_waiting <= MARK + ONE_READ
        pieces, read_so_far, most = answer.body(), 0, 0
        while read_so_far < 2_000_000:
            taken = len(await anext(pieces))
            most, read_so_far = max(most, taken, answer.size_waiting), read_so_far + taken
        assert most <= MARK + ONE_READ
        await answer.close()
        await eventually(lambda: made.ended == 1)


async def test_a_kept_connection_that_closes_at_any_moment_harms_no_safe_request() -> None:
    """Answers, then closes without a word, while the next request may be on its way."""

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OK)
        await writer.drain()
        for _ in range(made.connections % 7):
            await asyncio.sleep(0)

    async with peer(act) as made, pool_of() as pool:
        for number in range(300):
            assert (await get(pool, made)).whole == b"ok"
            for _ in range(number % 5):
                await asyncio.sleep(0)
