"""The API that all contestants stand before: one process that answers as cheaply as Python can, on uvloop.

    python -m benchmarks.upstream --port 9000

Any POST is answered with the same small chat completion. Below `/stream/{events}/{interval_ms}` the answer is an OpenAI
stream of so many events, one each interval, with its usage at the end; below `/flood/{mebibytes}` one of so many bytes,
as fast as it is read. Nothing is looked at but the path. `GET /ping` says that it works. Loopback only.
"""

import argparse
import asyncio
import socket
from contextlib import suppress
from typing import cast

import httptools
import uvloop

USAGE = b'"usage": {"prompt_tokens": 24, "completion_tokens": 12, "total_tokens": 36}'
ANSWER = (
    b'{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "any", "choices": [{"index": 0, '
    b'"message": {"role": "assistant", "content": "A toll buys the road behind the gate, and who keeps it."}, '
    b'"finish_reason": "stop"}], ' + USAGE + b"}"
)
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b'{"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": ['
EVENT = CHUNK + b'{"index": 0, "delta": {"content": "toll "}}]}'
LAST_EVENT = CHUNK + b"], " + USAGE + b"}"
LONG_EVENT = EVENT.replace(b"toll ", b"toll " * 3_200)
EVENTS_OF_A_MEBIBYTE = 64


class Answering(asyncio.Protocol):
    """One connection. A pipelined request is answered once the answer before it has ended."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is none by its class
        self._parser = httptools.HttpRequestParser(self)
        self._answering: asyncio.Task[None] | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_message_complete(self) -> None:
        kind, *rest = self._url.rpartition(b"/bench/")[2].split(b"/")
        if kind == b"stream":
            self._answering = asyncio.create_task(self._stream(int(rest[0]), int(rest[1]) / 1_000))
        elif kind == b"flood":
            self._answering = asyncio.create_task(self._flood(int(rest[0])))
        else:
            self._transport.write(WHOLE)

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, error: Exception | None) -> None:
        if self._answering is not None:
            self._answering.cancel()

    async def _stream(self, events: int, interval_seconds: float) -> None:
        self._transport.write(STREAM_HEAD)
        for _ in range(events):
            await asyncio.sleep(interval_seconds)
            self._send_event(EVENT)
        self._end_stream()

    def _end_stream(self) -> None:
        self._send_event(LAST_EVENT)
        self._send_event(b"[DONE]")
        self._transport.write(b"0\r\n\r\n")

    def _send_event(self, data: bytes) -> None:
        event = b"data: " + data + b"\n\n"
        self._transport.write(b"%x\r\n" % len(event) + event + b"\r\n")

    async def _flood(self, mebibytes: int) -> None:
        self._transport.write(STREAM_HEAD)
        for _ in range(mebibytes * EVENTS_OF_A_MEBIBYTE):
            await self._may_write.wait()
            self._send_event(LONG_EVENT)
        self._end_stream()


async def _serve(port: int) -> None:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    server = await asyncio.get_running_loop().create_server(Answering, sock=listening, backlog=2_048)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.upstream")
    parser.add_argument("--port", type=int, required=True)
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(parser.parse_args().port))
