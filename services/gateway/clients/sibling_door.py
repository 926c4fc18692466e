"""A sibling's inner HTTP, over connections of its own: JSON both ways for a paid call's postings, and requests that
are sent on as they came."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson

from services.gateway.clients import http1
from shared.service_auth import AGENT_HEADER, IP_HEADER, SESSION_HEADER, Caller, Minter

_MOST_POSTED_BACK = 8 * 1024 * 1024
_MOST_SENT_BACK = 64 * 1024 * 1024
_IP, _AGENT, _SESSION = IP_HEADER.encode(), AGENT_HEADER.encode(), SESSION_HEADER.encode()


class Told(NamedTuple):
    """A sibling's whole answer. The headers are as they came."""

    status: int
    headers: Sequence[http1.Header]
    body: bytes


class SiblingDoor:
    """One a process and purpose: who waits for one door's connections does not wait for another's."""

    def __init__(
        self, base_url: str, *, audience: str, minter: Minter, most_connections: int, most_waiting: int
    ) -> None:
        self._audience = audience
        self._origin = http1.origin_of(base_url)
        parts = urlsplit(base_url)
        self._host = parts.netloc.encode("ascii")
        self._prefix = parts.path.rstrip("/").encode("ascii")
        self._minter = minter
        self._pool = http1.Pool(
            most_connections=most_connections, most_per_origin=most_connections, most_waiting=most_waiting
        )

    def on_behalf_of(self, caller: Caller, request_id: str) -> tuple[http1.Header, ...]:
        """The headers of a call made for an account: whose, which request's, from which address it came, by which
        software and in which session."""
        told = ((_AGENT, caller.user_agent), (_SESSION, caller.session_hash))
        return (
            _bearer(self._minter.mint(caller, self._audience)),
            *asked_from(caller.ip, request_id),
            *((name, value.encode("ascii")) for name, value in told if value is not None),
        )

    async def post(self, path: str, document: Any, leaving: Callable[[], None] | None = None) -> tuple[int, bytes]:
        """POST JSON as the gateway itself: the answer's status and body. `leaving` is called before the first byte
        goes out. Raises ExchangeFailed."""
        headers = (_bearer(self._minter.for_service(self._audience)), (b"content-type", b"application/json"))
        told = await self._asked("POST", path.encode("ascii"), headers, orjson.dumps(document), leaving)
        return told.status, told.body

    async def send(self, method: str, target: bytes, headers: Sequence[http1.Header], body: bytes) -> Told:
        """Send a request as it is given, path and query byte for byte. Raises ExchangeFailed; how long it may take is
        the caller's to bound."""
        return await self._asked(method, target, headers, body, None, most=_MOST_SENT_BACK)

    async def _asked(
        self,
        method: str,
        target: bytes,
        headers: Sequence[http1.Header],
        body: bytes,
        leaving: Callable[[], None] | None,
        *,
        most: int = _MOST_POSTED_BACK,
    ) -> Told:
        framing = ((b"host", self._host), (b"content-length", b"%d" % len(body)))
        head = (*framing, *headers) if body or method in ("POST", "PUT", "PATCH") else (framing[0], *headers)
        answer = await self._pool.open(self._origin, method, self._prefix + target, head, body, leaving=leaving)
        if answer.whole is not None:
            return Told(answer.status, answer.headers, answer.whole)
        try:
            return Told(answer.status, answer.headers, await _read(answer, most))
        finally:
            await answer.close()

    async def close(self) -> None:
        await self._pool.close()


def asked_from(ip: str | None, request_id: str) -> tuple[http1.Header, ...]:
    """The headers of a call that is nobody's."""
    said = (b"x-request-id", request_id.encode("ascii"))
    return (said,) if ip is None else (said, (_IP, ip.encode("ascii")))


def _bearer(token: str) -> http1.Header:
    return (b"authorization", b"Bearer " + token.encode("ascii"))


async def _read(answer: http1.Answer, most: int) -> bytes:
    body = bytearray()
    async for piece in answer.body():
        body += piece
        if len(body) > most:
            raise http1.ExchangeFailed("too long an answer")
    return bytes(body)
