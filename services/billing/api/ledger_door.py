"""The two doors that every paid call comes through, as plain ASGI in front of the framework: postings and outcomes.

Guards are those of the routes behind: a service's token, a bounded body. What is not plainly right (no token, another
method, a strange body) is handed on to those routes unchanged, which refuse it, or take it, in their own words. Not
logged by request: the metrics count them.
"""

import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from services.billing.api.ledger_wire import Doubtful, read_endings, read_postings, written
from services.billing.service import Billing
from services.billing.use_cases import usage
from shared.contracts import ledger as contract
from shared.doors import problem_response
from shared.doors.application import new_request_id, unexpected
from shared.doors.routing import MAX_BODY_BYTES
from shared.errors import DomainError
from shared.telemetry import TRAFFIC

_PLAIN_HEADERS_ONLY = frozenset({b"content-encoding", b"transfer-encoding"})
"""With one of these the body is read elsewhere."""

Answer = tuple[int, bytes]


async def _post(billing: Billing, body: bytes) -> Answer:
    items, within_ms = read_postings(body)
    return 200, written(await billing.poster.post(items, within_ms=within_ms))


async def _tell(billing: Billing, body: bytes) -> Answer:
    await usage.tell_endings(billing, read_endings(body))
    return 204, b""


_DOORS: dict[str, Callable[[Billing, bytes], Awaitable[Answer]]] = {contract.PATH: _post, contract.OUTCOMES_PATH: _tell}


class LedgerDoor(FastAPI):
    """An application behind these two doors: what they answer passes none of its middleware, the framework's own
    neither."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        door = _DOORS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if door is None or not self._is_a_services(scope):
            await super().__call__(scope, receive, send)
            return
        began, messages = time.perf_counter_ns(), await _read(receive)
        body = b"".join(message.get("body", b"") for message in messages)
        try:
            status, content = await door(self.state.service, body)
        except Doubtful:
            await super().__call__(scope, _again(messages, receive), send)
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is told
            status = await _refuse(scope, receive, send, error)
        else:
            await _answer(send, status, content)
        TRAFFIC.of("POST", scope["path"]).count(status, time.perf_counter_ns() - began)

    def _is_a_services(self, scope: Scope) -> bool:
        """Whether a service sends a body of known, bounded length."""
        token, length = b"", b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                if token:
                    return False
                token = value
            elif name == b"content-length":
                length = value
            elif name in _PLAIN_HEADERS_ONLY:
                return False
        if not token.startswith(b"Bearer ") or not length.isdigit() or len(length) > 9 or int(length) > MAX_BODY_BYTES:
            return False
        try:
            return bool(self.state.verifier.verify(token[7:].decode("latin-1")).role == "service")
        except DomainError:
            return False


async def _read(receive: Receive) -> list[Message]:
    """The messages of the body, or of its sender's leaving."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received, received once more."""
    left = iter(messages)

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay


async def _answer(send: Send, status: int, content: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers if content else []})
    await send({"type": "http.response.body", "body": content})


async def _refuse(scope: Scope, receive: Receive, send: Send, error: Exception) -> int:
    refusal = error if isinstance(error, DomainError) else unexpected(error)
    scope.setdefault("state", {})["request_id"] = new_request_id()
    response = problem_response(Request(scope), refusal)
    await response(scope, receive, send)
    return response.status_code
