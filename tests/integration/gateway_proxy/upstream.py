"""An upstream with manners and without: a small server on bare sockets, told by each path how to behave."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

CHAT = (
    b'{"id":"c","choices":[{"message":{"content":"hello"}}],'
    b'"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
)


@dataclass
class Received:
    """One request as its bytes came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def names(self) -> set[str]:
        return {key.lower() for key, _ in self.headers}


@dataclass
class Upstream:
    """What was asked, and what to answer: `answers[path]` is raw bytes, else the path's own behaviour."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: dict[str, bytes] = field(default_factory=dict)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Upstream"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.go_on.set()
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                self.received.append(request)
                if not await self._answer(request, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.closed.set()
            writer.close()

    async def _answer(self, request: Received, writer: asyncio.StreamWriter) -> bool:
        path = request.target.partition("?")[0]
        raw = self.answers.get(path)
        if raw is not None:
            writer.write(raw)
            await writer.drain()
            return False
        act = getattr(self, "_" + path.strip("/").replace("/", "_"), None)
        if act is None:
            writer.write(answer_of(request.body or b"{}", content_type="application/json"))
            await writer.drain()
            return True
        await act(request, writer)
        await writer.drain()
        return False

    async def _drop(self, _request: Received, _writer: asyncio.StreamWriter) -> None:
        return

    async def _hang(self, _request: Received, _writer: asyncio.StreamWriter) -> None:
        await self.go_on.wait()

    async def _held(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        await self.go_on.wait()
        writer.write(answer_of(CHAT, content_type="application/json"))

    async def _held_500(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        await self.go_on.wait()
        writer.write(answer_of(b"broken", status="500 Internal Server Error"))

    async def _halves(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
        await writer.drain()
        await self.go_on.wait()
        writer.write(b"half")

    async def _cut(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it")

    async def _cut_before_head(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")

    async def _status_404(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer_of(b"no such thing", status="404 Not Found"))

    async def _status_500(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(answer_of(b"broken", status="500 Internal Server Error"))

    async def _chat_completions(self, request: Received, writer: asyncio.StreamWriter) -> None:
        asked = json.loads(request.body)
        if not asked.get("stream"):
            writer.write(answer_of(CHAT, content_type="application/json"))
            return
        with_usage = (asked.get("stream_options") or {}).get("include_usage")
        begin_stream(writer)
        for text in ("hel", "lo"):
            chunk(writer, event({"choices": [{"delta": {"content": text}}]}))
        chunk(writer, event({"choices": [{"delta": {}, "finish_reason": "stop"}]}))
        if with_usage:
            chunk(writer, event({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}))
        chunk(writer, b"data: [DONE]\n\n")
        chunk(writer, b"")

    async def _slow_chat_completions(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        begin_stream(writer)
        chunk(writer, event({"choices": [{"delta": {"content": "x" * 400}}]}))
        await writer.drain()
        await self.go_on.wait()
        chunk(writer, event({"choices": [], "usage": {"prompt_tokens": 70, "completion_tokens": 30}}))
        chunk(writer, b"data: [DONE]\n\n")
        chunk(writer, b"")

    async def _cut_chat_completions(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        begin_stream(writer)
        chunk(writer, event({"choices": [{"delta": {"content": "hel"}}]}))

    async def _gzip_chat_completions(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        extra = "content-encoding: gzip\r\n"
        writer.write(answer_of(gzip.compress(CHAT), content_type="application/json", extra=extra))

    async def _messages(self, _request: Received, writer: asyncio.StreamWriter) -> None:
        begin_stream(writer)
        start = {"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 1}}}
        chunk(writer, b"event: message_start\n" + event(start))
        delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}}
        chunk(writer, b"event: content_block_delta\n" + event(delta))
        end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
        chunk(writer, b"event: message_delta\n" + event(end))
        chunk(writer, b"event: message_stop\n" + event({"type": "message_stop"}))
        chunk(writer, b"")


def answer_of(body: bytes, *, status: str = "200 OK", content_type: str = "text/plain", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\n{extra}content-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def begin_stream(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")


def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(b"%x\r\n%s\r\n" % (len(data), data))


def event(document: object) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    request = Received(method, target, headers, b"")
    if request.header("transfer-encoding") == "chunked":
        while size := int((await reader.readline()).strip(), 16):
            request.body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        request.body = await reader.readexactly(int(request.header("content-length") or 0))
    return request
