"""`/proxy/{route}/{path}`: the paid API as plain ASGI, without a framework.

The front door has judged the head, and the middleware around it given the request its id. Here ASGI's messages become
plain values and back; a caller who hangs up, or reads no further, is noticed; an answer that must not end well is cut.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.service import Gateway
from services.gateway.use_cases.paid_call.request import (
    AnswerCut,
    CallerLeft,
    PaidAnswer,
    PaidRequest,
    Presence,
    request_timeout,
)
from shared.doors import problem_response
from shared.errors import DomainError

_ROUTE = SimpleNamespace(path="/proxy/{route}/{path}")


def proxy_app(service: Gateway) -> ASGIApp:
    """The application for everything under `/proxy/`."""
    paid, slow_seconds = service.paid, service.settings.slow_caller_ms / 1_000

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = _ROUTE
        caller = _Caller(scope, receive, send, slow_seconds)
        try:
            answer = await paid.call(caller.request())
        except DomainError as refusal:
            await problem_response(Request(scope), refusal)(scope, receive, send)
        except CallerLeft:
            return
        else:
            await caller.answer(answer)
        finally:
            await caller.forget()

    return application


class _Caller:
    """One request's connection to whoever made it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, slow_seconds: float) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._slow_seconds = slow_seconds
        self._presence = Presence()
        self._watch: asyncio.Task[None] | None = None

    def request(self) -> PaidRequest:
        scope = self._scope
        if not _has_body(scope):
            self._start_watching()
        return PaidRequest(
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            raw_path=scope["raw_path"],
            query=scope["query_string"],
            headers=scope["headers"],
            peer=scope["client"][0] if scope.get("client") else None,
            body=self._body(),
            presence=self._presence,
        )

    async def _body(self) -> AsyncIterator[bytes]:
        """Of a request without one nothing is awaited: whatever the server still says, the watch hears."""
        more = self._watch is None
        while more:
            try:
                async with asyncio.timeout(self._slow_seconds):
                    message = await self._receive()
            except TimeoutError:
                raise request_timeout() from None
            if message["type"] == "http.disconnect":
                self._presence.leave()
                raise CallerLeft
            more = message.get("more_body", False)
            if piece := message.get("body", b""):
                yield piece
        if self._watch is None:
            self._start_watching()

    def _start_watching(self) -> None:
        self._watch = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._presence.leave()

    async def answer(self, answer: PaidAnswer) -> None:
        """Send it as it comes. Who has left is sent nothing, but the answer is read on to its end."""
        if isinstance(answer.body, bytes):
            await self._tell({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            await self._tell({"type": "http.response.body", "body": answer.body, "more_body": False})
            return
        async with contextlib.aclosing(answer.body) as body:
            await self._tell({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
            try:
                async for piece in body:
                    await self._tell({"type": "http.response.body", "body": piece, "more_body": True})
            except AnswerCut:
                return  # the server closes a connection whose answer was not completed: that is the cut
        await self._tell({"type": "http.response.body", "body": b"", "more_body": False})

    async def _tell(self, message: dict[str, object]) -> None:
        if self._presence.has_left:
            return
        try:
            async with asyncio.timeout(self._slow_seconds):
                await self._send(message)
        except (TimeoutError, OSError):
            self._presence.leave()

    async def forget(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


def _has_body(scope: Scope) -> bool:
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
