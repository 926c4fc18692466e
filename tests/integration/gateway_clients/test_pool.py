"""The pool against upstreams with manners: kept connections, framing both ways, bounds, cancelling."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.gateway.clients.http1 import ExchangeFailed, NotConnected, Pool
from services.gateway.clients.http1 import pool as pools
from services.gateway.clients.http1.answer import MARK
from tests.integration.gateway_clients.peer import OK, Peer, answering, ended, get, peer, pool_of, read, read_head
from tests.support.http import eventually


async def test_an_answer_that_came_at_once_is_whole_and_its_connection_is_kept() -> None:
    async with peer(answering(OK)) as made, pool_of() as pool:
        for _ in range(3):
            answer = await get(pool, made)
            assert (answer.status, answer.whole) == (200, b"ok")
            assert answer.headers == [(b"content-length", b"2")]
        assert made.connections == 1
        assert made.heads[0] == b"GET /x?y=1 HTTP/1.1\r\nhost: upstream\r\n\r\n"


async def test_a_whole_body_can_be_read_in_pieces_too() -> None:
    async with peer(answering(OK)) as made, pool_of() as pool:
        assert await read(await get(pool, made)) == b"ok"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nx-trailer: 1\r\n\r\n"


async def test_a_chunked_answer_loses_its_chunks_and_its_trailers() -> None:
    async with peer(answering(CHUNKED)) as made, pool_of() as pool:
        for _ in range(2):
            answer = await get(pool, made)
            assert await read(answer) == b"abc"
            assert answer.headers == [(b"Transfer-Encoding", b"chunked")]
        assert made.connections == 1


async def test_an_answer_in_pieces_is_handed_on_as_it_comes_and_its_connection_kept() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_head(reader):
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
            await made.go_on.wait()
            writer.write(b"cd")

    async with peer(act) as made, pool_of() as pool:
        for _ in range(2):
            made.go_on.clear()
            answer = await get(pool, made)
            assert answer.whole is None
            pieces = answer.body()
            assert await anext(pieces) == b"ab"
            made.go_on.set()
            assert await anext(pieces) == b"cd"
            assert [piece async for piece in pieces] == []
        assert made.connections == 1


async def test_the_end_of_the_connection_may_end_the_answer() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall ")
        await writer.drain()
        writer.write(b"of it")

    async with peer(act) as made, pool_of() as pool:
        assert await read(await get(pool, made)) == b"all of it"
        assert await read(await get(pool, made)) == b"all of it"
        assert made.connections == 2


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified\r\ncontent-length: 7"])
async def test_answers_without_a_body_end_with_their_head(status: bytes) -> None:
    async with peer(answering(b"HTTP/1.1 " + status + b"\r\n\r\n")) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b""
        assert (await get(pool, made)).whole == b""
        assert made.connections == 1


@pytest.mark.parametrize("framing", [b"content-length: 7", b"transfer-encoding: chunked", b"x: y"])
async def test_the_answer_to_head_has_no_body(framing: bytes) -> None:
    async with peer(answering(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n")) as made, pool_of() as pool:
        assert (await get(pool, made, "HEAD")).whole == b""
        assert (await get(pool, made, "HEAD")).whole == b""


async def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    async with peer(answering(interim + OK)) as made, pool_of() as pool:
        for _ in range(2):
            answer = await get(pool, made)
            assert (answer.status, answer.headers, answer.whole) == (200, [(b"content-length", b"2")], b"ok")
        assert made.connections == 1


@pytest.mark.parametrize("word", [b"HTTP/1.1 200 OK\r\nconnection: close\r\n", b"HTTP/1.0 200 OK\r\n"])
async def test_an_answer_that_says_so_ends_its_connection(word: bytes) -> None:
    async with peer(answering(word + b"content-length: 2\r\n\r\nok")) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        assert (await get(pool, made)).whole == b"ok"
        assert made.connections == 2


async def test_a_connection_that_the_upstream_closed_is_not_used() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OK)

    async with peer(act) as made, pool_of() as pool:
        for _ in range(20):
            assert (await get(pool, made, "POST", b"x", (b"content-length", b"1"))).whole == b"ok"
            await eventually(lambda: not pool._made)
        assert made.connections == 20


async def test_a_connection_that_closed_while_the_loop_was_busy_is_not_used() -> None:
    """Its end has come but nobody has read it yet; a POST may not be tried on it, for it is never sent twice."""
    listener = socket.create_server(("127.0.0.1", 0))
    close, closed = threading.Event(), threading.Event()

    def serve() -> None:
        for _ in range(2):
            connection, _ = listener.accept()
            connection.recv(65_536)
            connection.sendall(OK)
            close.wait(10)
            connection.close()
            closed.set()

    server = threading.Thread(target=serve)
    server.start()
    made = Peer(f"http://127.0.0.1:{listener.getsockname()[1]}")
    async with pool_of() as pool:
        assert (await get(pool, made, "POST")).whole == b"ok"
        close.set()
        closed.wait(10)
        assert (await get(pool, made, "POST")).whole == b"ok"
    server.join()
    listener.close()


async def test_what_comes_unasked_ends_a_kept_connection() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OK)
        await made.go_on.wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison")
        await reader.read()

    async with peer(act) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        made.go_on.set()
        await eventually(lambda: not pool._made)
        assert (await get(pool, made)).whole == b"ok"
        assert made.connections == 2


async def _dies_at_the_second(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    made.heads.append(await read_head(reader))
    writer.write(OK)
    made.heads.append(await read_head(reader))


async def test_a_safe_request_that_met_a_dying_connection_is_sent_once_more() -> None:
    async with peer(_dies_at_the_second) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        assert (await get(pool, made)).whole == b"ok"
        assert (made.connections, len(made.heads)) == (2, 3)


async def test_any_other_request_is_not() -> None:
    async with peer(_dies_at_the_second) as made, pool_of() as pool:
        for method, body in (("POST", b""), ("DELETE", None), ("GET", b"x")):
            headers = [(b"content-length", b"1")] if body else []
            assert (await get(pool, made)).whole == b"ok"
            before = len(made.heads)
            with pytest.raises(ExchangeFailed):
                await get(pool, made, method, body, *headers)
            await eventually(lambda before=before: len(made.heads) == before + 1)


async def test_a_safe_request_is_sent_twice_at_the_most() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.heads.append(await read_head(reader))
        if made.connections == 1:
            writer.write(OK)
            made.heads.append(await read_head(reader))

    async with peer(act) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        with pytest.raises(ExchangeFailed):
            await get(pool, made)
        assert len(made.heads) == 3


# Bodies that go up


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def _reads(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, end: bytes) -> None:
    while head := await read_head(reader):
        made.heads += [head, await reader.readuntil(end)]
        writer.write(OK)


async def test_a_streamed_body_goes_up_in_chunks_or_as_long_as_it_says() -> None:
    async def chunked(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reads(made, reader, writer, b"0\r\n\r\n")

    async with peer(chunked) as made, pool_of() as pool:
        for _ in range(2):
            answer = await get(pool, made, "POST", _pieces(b"ab", b"", b"c" * 17), (b"transfer-encoding", b"chunked"))
            assert answer.whole == b"ok"
            assert made.heads[-1] == b"2\r\nab\r\n11\r\n" + b"c" * 17 + b"\r\n0\r\n\r\n"
        assert made.connections == 1

    async def counted(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reads(made, reader, writer, b"abc")

    async with peer(counted) as made, pool_of() as pool:
        answer = await get(pool, made, "POST", _pieces(b"ab", b"", b"c"), (b"Content-Length", b"3"))
        assert answer.whole == b"ok"


async def test_the_answer_is_had_though_the_end_of_a_counted_body_is_not_told() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        await asyncio.Event().wait()

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _reads(made, reader, writer, b"abc")

    async with peer(act) as made, pool_of() as pool:
        for _ in range(2):
            assert (await get(pool, made, "POST", body(), (b"content-length", b"3"))).whole == b"ok"
        assert made.connections == 1


@pytest.mark.parametrize("pieces", [(b"ab",), (b"ab", b"cd")])
async def test_a_body_of_another_length_than_it_says_ends_the_connection(pieces: tuple[bytes, ...]) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.heads.append(await reader.read(1_000))
        await ended(reader)
        made.ended += 1

    async with peer(act) as made, pool_of() as pool:
        with pytest.raises(ExchangeFailed):
            await get(pool, made, "POST", _pieces(*pieces), (b"content-length", b"3"))
        await eventually(lambda: made.ended == 1)
        assert b"abcd" not in b"".join(made.heads)


async def test_what_a_body_raises_goes_through_and_ends_the_connection() -> None:
    class CallerLeft(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        yield b"half"
        raise CallerLeft

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended(reader)
        made.ended += 1

    async with peer(act) as made, pool_of() as pool:
        with pytest.raises(CallerLeft):
            await get(pool, made, "POST", body(), (b"transfer-encoding", b"chunked"))
        await eventually(lambda: made.ended == 1)


async def test_a_body_goes_up_no_faster_than_it_is_read() -> None:
    given = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 512:
            given += 1
            yield b"x" * MARK

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await made.go_on.wait()
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(OK)

    async with peer(act) as made, pool_of() as pool:
        call = asyncio.create_task(get(pool, made, "POST", body(), (b"transfer-encoding", b"chunked")))
        await eventually(lambda: pool._made and next(iter(pool._made))._is_full)
        for _ in range(100):
            await asyncio.sleep(0)
        assert given < 256
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


async def test_an_early_answer_is_delivered_and_the_body_left() -> None:
    left = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"beginning"
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 413 No\r\ncontent-length: 2\r\n\r\nno")
        await ended(reader)
        made.ended += 1

    async with peer(act) as made, pool_of() as pool:
        answer = await get(pool, made, "POST", body(), (b"transfer-encoding", b"chunked"))
        assert (answer.status, await read(answer)) == (413, b"no")
        assert left.is_set()
        await eventually(lambda: made.ended == 1)
        assert not pool._made


# Bounds


async def test_so_many_connections_to_an_origin_and_who_waits_gets_the_next() -> None:
    under_way = most = 0

    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        while await read_head(reader):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1
            writer.write(OK)

    async with peer(act) as made, pool_of(most_per_origin=2, most_waiting=50) as pool:
        answers = await asyncio.gather(*[get(pool, made) for _ in range(40)])
        assert [answer.whole for answer in answers] == [b"ok"] * 40
        assert (made.connections, most) == (2, 2)


async def test_an_idle_connection_elsewhere_makes_room() -> None:
    async with peer(answering(OK)) as one, peer(answering(OK)) as other, pool_of(most_connections=1) as pool:
        for made in (one, other, one):
            assert (await get(pool, made)).whole == b"ok"
        assert (one.connections, other.connections) == (2, 1)


async def test_who_waits_for_room_in_all_gets_it_from_another_origin() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_head(reader):
            await made.go_on.wait()
            writer.write(OK)

    async with peer(act) as one, peer(answering(OK)) as other, pool_of(most_connections=1) as pool:
        first = asyncio.create_task(get(pool, one))
        await eventually(lambda: one.connections)
        second = asyncio.create_task(get(pool, other))
        await eventually(lambda: pool._waiting)
        one.go_on.set()
        assert (await first).whole == (await second).whole == b"ok"


async def _hangs(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await ended(reader)
    made.ended += 1


async def test_only_so_many_wait_and_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "WAIT_SECONDS", 0.05)
    async with peer(_hangs) as made, pool_of(most_connections=1, most_waiting=1) as pool:
        holder = asyncio.create_task(get(pool, made))
        await eventually(lambda: pool._made)
        waiting = asyncio.create_task(get(pool, made))
        await eventually(lambda: pool._waiting)
        with pytest.raises(NotConnected, match="too many"):
            await get(pool, made)
        with pytest.raises(NotConnected, match="in time"):
            await waiting
        assert pool._waiting == 0
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


class _Cancelling:
    """An owner that cancels a call at the moment when that call gets its turn."""

    def __init__(self, lane: Any, call: asyncio.Task[Any]) -> None:
        self.lane = lane
        self.call = call

    def free(self, connection: Any) -> None:
        connection.owner = self.lane
        self.lane.free(connection)
        self.call.cancel()

    def lost(self, connection: Any) -> None:
        self.lane.lost(connection)
        self.call.cancel()


@pytest.mark.parametrize("last", [b"", b"connection: close\r\n"], ids=["a connection", "a place"])
async def test_a_turn_whose_waiter_was_cancelled_is_not_lost(last: bytes) -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await read_head(reader):
            await made.go_on.wait()
            writer.write(OK.replace(b"content", last + b"content"))

    async with peer(act) as made, pool_of(most_connections=1) as pool:
        first = asyncio.create_task(get(pool, made))
        await eventually(lambda: made.connections)
        given_up, patient = asyncio.create_task(get(pool, made)), asyncio.create_task(get(pool, made))
        await eventually(lambda: pool._waiting == 2)
        connection = next(iter(pool._made))
        connection.owner = _Cancelling(connection.owner, given_up)
        made.go_on.set()
        async with asyncio.timeout(2):
            assert (await patient).whole == (await first).whole == b"ok"
        await asyncio.gather(given_up, return_exceptions=True)
        assert given_up.cancelled()


async def test_cancelling_ends_the_connection_and_frees_its_place() -> None:
    async with peer(_hangs) as made, pool_of(most_connections=1) as pool:
        for number in range(3):
            call = asyncio.create_task(get(pool, made))
            await eventually(lambda number=number: made.connections == number + 1)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await eventually(lambda number=number: made.ended == number + 1)


async def test_who_is_cancelled_when_his_answer_is_complete_leaves_the_connection_to_the_next() -> None:
    async with peer(answering(OK)) as made, pool_of(most_connections=1) as pool:
        assert (await get(pool, made)).whole == b"ok"
        connection = next(iter(pool._made))
        call = asyncio.create_task(get(pool, made))
        following = get(pool, made)

        class Owner(_Cancelling):
            """Gives the connection to the next, too, before the cancelled task has had its turn."""

            def free(self, freed: Any) -> None:
                super().free(freed)
                following.send(None)

        connection.owner = Owner(connection.owner, call)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not connection.is_closed
        await eventually(lambda: pool._lanes[made.origin].kept)
        with pytest.raises(StopIteration) as ending:
            following.send(None)
        assert ending.value.value.whole == b"ok"


async def test_closing_an_answer_before_its_end_ends_the_connection() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        await _hangs(made, reader, writer)

    async with peer(act) as made, pool_of() as pool:
        answer = await get(pool, made)
        assert await anext(answer.body()) == b"ab"
        await answer.close()
        await answer.close()
        await eventually(lambda: made.ended == 1)


async def test_what_is_idle_for_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(pools, "_SWEEP_SECONDS", 0.01)
    async with peer(answering(OK)) as made, pool_of() as pool:
        assert (await get(pool, made)).whole == b"ok"
        await eventually(lambda: not pool._made)
        assert pool._sweeper is None


async def test_no_connection_is_a_failure_that_says_nothing_was_sent() -> None:
    async with peer(answering(OK)) as made:
        pass
    async with pool_of() as pool:
        with pytest.raises(NotConnected):
            await get(pool, made)


@pytest.mark.parametrize("header", [(b"x", b"a\r\nb: c"), (b"x", b"a\nb"), (b"x\r\ny", b"a")])
async def test_a_head_that_would_be_split_is_not_sent(header: tuple[bytes, bytes]) -> None:
    async with peer(answering(OK)) as made, pool_of() as pool:
        with pytest.raises(NotConnected):
            await get(pool, made, "GET", None, header)
        with pytest.raises(NotConnected):
            await pool.open(made.origin, "GET", b"/a b", [], None)
        assert made.connections == 0


async def test_a_closed_pool_gives_no_connection() -> None:
    async with peer(answering(OK)) as made:
        pool = Pool(most_connections=1, most_per_origin=1, most_waiting=1)
        assert (await get(pool, made)).whole == b"ok"
        await pool.close()
        with pytest.raises(NotConnected):
            await get(pool, made)


async def test_many_at_once_get_each_his_own_answer() -> None:
    async def act(made: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await read_head(reader):
            name = head.partition(b"x-name: ")[2].partition(b"\r")[0]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(name), name))

    async def ask(pool: Pool, made: Peer, number: int) -> Any:
        return (await get(pool, made, "GET", None, (b"x-name", b"n%d" % number))).whole

    async with peer(act) as made, pool_of(most_per_origin=5, most_waiting=500) as pool:
        answers = await asyncio.gather(*[ask(pool, made, number) for number in range(300)])
        assert answers == [b"n%d" % number for number in range(300)]
