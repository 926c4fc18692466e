"""Billing's inner HTTP for what a paid call posts: JSON both ways, over connections of its own."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from services.gateway.clients import http1
from shared.service_auth import Minter

_MOST_ANSWERED = 8 * 1024 * 1024


class BillingDoor:
    """One a process."""

    def __init__(self, base_url: str, minter: Minter, *, most_connections: int) -> None:
        self._origin = http1.origin_of(base_url)
        parts = urlsplit(base_url)
        self._host = parts.netloc.encode("ascii")
        self._prefix = parts.path.rstrip("/")
        self._minter = minter
        self._pool = http1.Pool(
            most_connections=most_connections, most_per_origin=most_connections, most_waiting=most_connections
        )

    async def post(self, path: str, document: Any, leaving: Callable[[], None] | None = None) -> tuple[int, bytes]:
        """The answer's status and body. `leaving` is called before the first byte goes out. Raises ExchangeFailed."""
        body = orjson.dumps(document)
        headers = [
            (b"host", self._host),
            (b"authorization", b"Bearer " + self._minter.for_service("billing").encode("ascii")),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
        ]
        target = (self._prefix + path).encode("ascii")
        answer = await self._pool.open(self._origin, "POST", target, headers, body, leaving=leaving)
        if answer.whole is not None:
            return answer.status, answer.whole
        try:
            return answer.status, await _read(answer)
        finally:
            await answer.close()

    async def close(self) -> None:
        await self._pool.close()


async def _read(answer: http1.Answer) -> bytes:
    body = bytearray()
    async for piece in answer.body():
        body += piece
        if len(body) > _MOST_ANSWERED:
            raise http1.ExchangeFailed("too long an answer")
    return bytes(body)
