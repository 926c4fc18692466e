"""Stands before the sandbox and before who hears its webhooks, and keeps what breaks the contract."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.stripe_contract.contract import Contract, the_contract

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_SENDER = b"Stripe/1.0"


@dataclass
class Exchange:
    """A request and its answer, as they passed."""

    method: str
    path: str
    query: str
    body: bytearray = field(default_factory=bytearray)
    status: int = 0
    answer: bytearray = field(default_factory=bytearray)

    @property
    def fields(self) -> str:
        return self.body.decode(errors="replace") if self.method == "POST" else self.query


@dataclass
class Watch:
    """`sandbox(app)` and `receiver(app)` are the same applications, watched. `verify()` at the end: what passes is
    only kept meanwhile, so that a test which measures time does not measure the check.

    A request that was refused (4xx) may be wrong: tests send such. One that was carried out may not, nor may any
    answer; webhooks are those that say they come from Stripe, so that tests may deliver what they like.
    """

    contract: Contract = field(default_factory=the_contract)
    calls: list[Exchange] = field(default_factory=list)
    webhooks: list[bytes] = field(default_factory=list)

    def sandbox(self, app: Any) -> App:
        return _Watched(app, self._called)

    def receiver(self, app: Any) -> App:
        return _Watched(app, self._delivered)

    def verify(self) -> None:
        complaints = self.complaints()
        assert not complaints, "not as Stripe's own:\n" + "\n".join(complaints)

    def complaints(self) -> list[str]:
        of_calls = [told for call in self.calls for told in self._of_call(call)]
        return of_calls + [told for body in self.webhooks for told in self.contract.event(body)]

    def _of_call(self, seen: Exchange) -> list[str]:
        of_answer = self.contract.answer(seen.method, seen.path, seen.status, bytes(seen.answer))
        if 400 <= seen.status < 500:
            return of_answer
        return self.contract.request(seen.method, seen.path, seen.fields) + of_answer

    def _called(self, seen: Exchange, headers: dict[bytes, bytes]) -> None:
        if seen.path.startswith("/v1/"):
            self.calls.append(seen)

    def _delivered(self, seen: Exchange, headers: dict[bytes, bytes]) -> None:
        if headers.get(b"user-agent", b"").startswith(_SENDER):
            self.webhooks.append(bytes(seen.body))


class _Watched:
    """An ASGI application that tells of each exchange once its answer is whole, before the caller has it."""

    def __init__(self, app: Any, tell: Callable[[Exchange, dict[bytes, bytes]], None]) -> None:
        self._app = app
        self._tell = tell
        self.state = app.state

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen = Exchange(scope["method"], scope["path"], scope["query_string"].decode())

        async def heard() -> Message:
            message = await receive()
            seen.body.extend(message.get("body", b""))
            return message

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            else:
                seen.answer.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._tell(seen, dict(scope["headers"]))
            await send(message)

        await self._app(scope, heard, told)
