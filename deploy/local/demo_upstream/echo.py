"""`/echo/...`: answers what it was sent, as JSON `{method, path, query, headers, body}`, by any method on any path.

`path` is as sent, below `/echo`; `query` is the raw text after `?`; header names are in lower case, repeated ones
joined by a comma; `body` is text, or null with `body_base64` beside it where it is none.

Paths that behave in their own way, each by any method:

- `/bytes/{n}`: n bytes (up to 1 GiB), with their length said beforehand
- `/delay/{ms}`: the echo after so long (up to two minutes)
- `/status/{code}`: the echo with that status (200 to 599)
- `/stream/{chunks}?interval_ms=50&bytes=8`: so many pieces (up to 100,000), with a pause between two
- `/units/{n}`: the echo with `X-Usage-Units: n`, by which a route can be priced
- `/drop`: the connection ends without an answer; `/drop?after=N`: after the head and N bytes of 1 MiB
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qs

import orjson
from starlette.types import Receive, Scope, Send

LARGEST_BODY = 64 * 1024 * 1024
MOST_BYTES = 1024**3
MOST_DELAY_MS = 120_000
MOST_CHUNKS = 100_000
MOST_INTERVAL_MS = 10_000
PROMISED_BYTES = 1024**2
_PIECE = b"tollgate" * 8192
_SPECIAL = re.compile(r"/(bytes|delay|status|stream|units)/(\d{1,10})")
_BODILESS = frozenset({204, 205, 304})


class _Refused(Exception):
    """A number out of its bounds, or a body over its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def sent_path(scope: Scope) -> str:
    """The path as it stood on the request line."""
    raw = scope.get("raw_path") or str(scope["path"]).encode()
    return bytes(raw).partition(b"?")[0].decode("latin-1")


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    """The whole of `/echo` as an ASGI application."""
    path = sent_path(scope).removeprefix("/echo") or "/"
    if path == "/drop":
        await _drop(_number(scope, "after", default=-1, most=PROMISED_BYTES - 1), receive, send)
        return
    special = _SPECIAL.fullmatch(path)
    behave = _BEHAVIOURS[special.group(1)] if special else _echo
    try:
        await behave(int(special.group(2)) if special else HTTPStatus.OK, scope, receive, send)
    except _Refused as refusal:
        await _respond(send, {"error": refusal.message}, refusal.status)


async def _echo(status: int, scope: Scope, receive: Receive, send: Send) -> None:
    content = await _content(scope, receive)
    await _respond(send, content, status)


async def _status(code: int, scope: Scope, receive: Receive, send: Send) -> None:
    _require(200 <= code <= 599, "a status from 200 to 599")
    await _echo(code, scope, receive, send)


async def _units(units: int, scope: Scope, receive: Receive, send: Send) -> None:
    header = (b"x-usage-units", str(units).encode())
    await _respond(send, await _content(scope, receive), HTTPStatus.OK, header)


async def _delay(ms: int, scope: Scope, receive: Receive, send: Send) -> None:
    _require(ms <= MOST_DELAY_MS, f"at most {MOST_DELAY_MS} ms")
    content = await _content(scope, receive)
    if not await _is_gone_within(ms / 1000, receive):
        await _respond(send, content, HTTPStatus.OK)


async def _bytes(size: int, scope: Scope, receive: Receive, send: Send) -> None:
    _require(size <= MOST_BYTES, f"at most {MOST_BYTES} bytes")
    await _content(scope, receive)
    await _start(send, HTTPStatus.OK, [(b"content-length", str(size).encode())], b"application/octet-stream")
    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        for sent in range(0, size, len(_PIECE)):
            if gone.done():
                return
            piece = _PIECE[: size - sent]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _stream(chunks: int, scope: Scope, receive: Receive, send: Send) -> None:
    _require(chunks <= MOST_CHUNKS, f"at most {MOST_CHUNKS} chunks")
    pause_seconds = _number(scope, "interval_ms", default=50, most=MOST_INTERVAL_MS) / 1000
    size = _number(scope, "bytes", default=0, most=len(_PIECE))
    await _content(scope, receive)
    await _start(send, HTTPStatus.OK, [], b"text/plain; charset=utf-8")
    for number in range(1, chunks + 1):
        if number > 1 and await _is_gone_within(pause_seconds, receive):
            return
        piece = _PIECE[:size] if size else f"chunk {number}\n".encode()
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _drop(after: int, receive: Receive, send: Send) -> None:
    """Close the connection: without a word, or in the middle of a body that was promised longer.

    ASGI has no word for it, so this reaches for the server's own transport (uvicorn's `send` is its cycle's method).
    """
    if after >= 0:
        length = [(b"content-length", str(PROMISED_BYTES).encode())]
        await _start(send, HTTPStatus.OK, length, b"application/octet-stream")
        body = (_PIECE * (after // len(_PIECE) + 1))[:after]
        await send({"type": "http.response.body", "body": body, "more_body": True})
    cast(Any, send).__self__.transport.close()
    await _disconnect(receive)


_Behaviour = Callable[[int, Scope, Receive, Send], Awaitable[None]]
_BEHAVIOURS: dict[str, _Behaviour] = {
    "bytes": _bytes,
    "delay": _delay,
    "status": _status,
    "stream": _stream,
    "units": _units,
}


async def _content(scope: Scope, receive: Receive) -> dict[str, object]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return {
        "method": scope["method"],
        "path": sent_path(scope).removeprefix("/echo") or "/",
        "query": scope["query_string"].decode("latin-1"),
        "headers": headers,
        **_text_or_base64(await _body(receive)),
    }


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is larger than 64 MiB.")
    return bytes(body)


def _text_or_base64(body: bytes) -> dict[str, object]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body": None, "body_base64": base64.b64encode(body).decode()}


async def _respond(send: Send, content: dict[str, object], status: int, *more: tuple[bytes, bytes]) -> None:
    body = b"" if status in _BODILESS else orjson.dumps(content)
    headers = [] if status in _BODILESS else [(b"content-length", str(len(body)).encode())]
    if status // 100 == 3:
        headers.append((b"location", b"/echo/elsewhere"))
    await _start(send, status, [*headers, *more], b"application/json")
    await send({"type": "http.response.body", "body": body})


async def _start(send: Send, status: int, headers: list[tuple[bytes, bytes]], content_type: bytes) -> None:
    everything = [(b"content-type", content_type), (b"x-content-type-options", b"nosniff"), *headers]
    await send({"type": "http.response.start", "status": int(status), "headers": everything})


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _is_gone_within(seconds: float, receive: Receive) -> bool:
    """Waits so long, or until the caller left."""
    try:
        await asyncio.wait_for(_disconnect(receive), seconds)
    except TimeoutError:
        return False
    return True


def _number(scope: Scope, name: str, *, default: int, most: int) -> int:
    """A number of the query, cut to its bound; anything else counts as absent."""
    values = parse_qs(scope["query_string"].decode("latin-1")).get(name, [])
    text = values[0] if values else ""
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) <= 10 else default


def _require(holds: bool, wanted: str) -> None:
    if not holds:
        raise _Refused(HTTPStatus.BAD_REQUEST, f"The number is out of bounds: {wanted}.")
