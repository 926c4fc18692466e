"""An upstream that means harm: it hangs, lies, drops, drips and floods, as the last segment of the path asks for.

Raw sockets in a thread of its own, since no HTTP server would send such answers. It serves until it is closed.
"""

import asyncio
import gzip
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Self
from urllib.parse import unquote

_START_SECONDS = 5.0
_OK = b"HTTP/1.1 200 OK\r\n"
_JSON = _OK + b"content-type: application/json\r\n"
_EVENTS = _OK + b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_CHUNKED = _OK + b"transfer-encoding: chunked\r\n\r\n"
PIECE = 64 * 1024
DRIP_SECONDS = 0.1
SURPLUS = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
BOMB = gzip.compress(bytes(96 * 1024 * 1024), 1)

LIES = {
    "honest": '"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}',
    "missing": '"object": "x"',
    "null": '"usage": null',
    "negative": '"usage": {"prompt_tokens": 3, "completion_tokens": -4, "total_tokens": -1}',
    "absurd": '"usage": {"total_tokens": 1000000000000000000}',
    "float": '"usage": {"total_tokens": 1e18}',
    "nan": '"usage": {"total_tokens": NaN}',
    "text": '"usage": {"total_tokens": "12"}',
    "no-object": '"usage": 7',
    "doubled": '"usage": {"total_tokens": 9}, "usage": {"total_tokens": 3}',
    "contradictory": '"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}',
    "beyond-the-hold": '"usage": {"total_tokens": 900000000}',
}
"""What an answer says of its usage, as JSON members."""

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter, bytes], Awaitable[None]]


class Hostile:
    """Serves while it is entered."""

    def __init__(self) -> None:
        self.url = ""
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(_START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._started.set()
        await self._over.wait()
        server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            while await _answered(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return
        finally:
            self._open.discard(task)
            writer.close()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Whether the connection goes on."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
    body = await reader.readexactly(length)
    path = unquote(head.split(b" ", 2)[1].decode()).partition("?")[0].strip("/").split("/")
    said = f"{path[-1]} ".encode() + body if path[0] == "usage" else path[-1].encode()
    await _ACTS.get(path[0], _ok)(reader, writer, said)
    await writer.drain()
    return path[0] in _GOES_ON


async def _ok(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
    writer.write(_OK + b"content-length: 2\r\n\r\nok")


def _says(what: bytes) -> Act:
    """Says so much and closes."""

    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(what)

    return act


def _then_hangs(what: bytes) -> Act:
    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: bytes) -> None:
        writer.write(what)
        await reader.read()

    return act


def _drips(beginning: bytes, drop: bytes) -> Act:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(beginning)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(DRIP_SECONDS)

    return act


def _floods(beginning: bytes, again: bytes) -> Act:
    async def act(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
        writer.write(beginning)
        while True:
            writer.write(again)
            await writer.drain()

    return act


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _event(members: str) -> bytes:
    return _chunk(b"data: {" + members.encode() + b"}\n\n")


_TEXT = _event('"choices": [{"delta": {"content": "word "}}]')
_FINISH = _event('"choices": [{"delta": {}, "finish_reason": "stop"}]')


async def _lies(_: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> None:
    name, _, body = said.partition(b" ")
    lie = LIES[name.decode()]
    if json.loads(body).get("stream"):
        last = _event('"choices": [], ' + lie)
        writer.write(_EVENTS + _TEXT + _FINISH + last + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        return
    document = b'{"choices": [], %s}' % lie.encode()
    writer.write(_JSON + b"content-length: %d\r\n\r\n%s" % (len(document), document))


async def _twice_in_a_stream(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
    first, second = (_event(f'"choices": [], "usage": {{"total_tokens": {count}}}') for count in (9, 3))
    writer.write(_EVENTS + _TEXT + _FINISH + first + second + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


async def _counts_units(_: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> None:
    """`/units/3,7`: a header for each."""
    headers = b"".join(b"X-Usage-Units: %s\r\n" % count for count in said.split(b",") if count)
    writer.write(_OK + headers + b"content-length: 2\r\n\r\nok")


async def _bomb(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: bytes) -> None:
    writer.write(_JSON + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(BOMB))
    writer.write(BOMB)


_GOES_ON = {"ok", "probe", "usage", "units", "longer-than-said"}
_ACTS: dict[str, Act] = {
    "hang": _then_hangs(b""),
    "close": _says(b""),
    "half-head": _says(_OK + b"content-le"),
    "half-head-and-hang": _then_hangs(_OK + b"content-le"),
    "no-http": _says(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "shorter-than-said": _says(_OK + b"content-length: 1000\r\n\r\nhalf"),
    "longer-than-said": _says(_OK + b"content-length: 4\r\n\r\nfour" + SURPLUS),
    "drop": _says(_CHUNKED + _chunk(b"half")),
    "hang-in-body": _then_hangs(_OK + b"content-length: 1000\r\n\r\nhalf"),
    "drop-stream": _says(_EVENTS + _TEXT * 3),
    "drop-stream-after-usage": _says(_EVENTS + _TEXT + _FINISH + _event(f'"choices": [], {LIES["honest"]}')),
    "drip": _drips(_OK + b"content-length: 100000\r\n\r\n", b"d"),
    "drip-head": _drips(_OK + b"x: ", b"d"),
    "drip-stream": _drips(_EVENTS, _TEXT),
    "flood": _floods(_CHUNKED, _chunk(bytes(PIECE))),
    "flood-events": _floods(_EVENTS, _TEXT * 100),
    "flood-one-event": _floods(_EVENTS + _chunk(b"data: "), _chunk(b"e" * PIECE)),
    "flood-last-words": _floods(_EVENTS + _FINISH, _TEXT * 100),
    "flood-headers": _floods(_OK, b"x-more: and more\r\n" * 100),
    "flood-a-header": _floods(_OK + b"x-more: ", b"m" * 4096),
    "flood-interim": _floods(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100),
    "bomb": _bomb,
    "usage": _lies,
    "usage-twice": _twice_in_a_stream,
    "units": _counts_units,
}
