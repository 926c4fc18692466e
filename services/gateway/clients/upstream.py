"""The APIs that are sold: a keep-alive pool over HTTP/1.1, bodies streamed both ways.

Method, target, headers and body go out exactly as given. No redirect is followed, no cookie kept, no proxy of the
environment used. Waits are the caller's to bound (`asyncio.timeout`); a head is at most 100 KiB. A request is sent
twice only if it is safe, bears no body, and met a kept connection that was dead.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpcore

from services.gateway.domain.caller_address import Network
from services.gateway.domain.route import is_private_address

Header = tuple[bytes, bytes]

CONNECT_SECONDS = 5.0
KEPT_SECONDS = 15.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SWITCHING_PROTOCOLS = 101
_LAST_STATUS = 599


class UpstreamFailed(Exception):
    """No answer, or one that ended before its end, or that is no HTTP. Says why for the log, never with content."""


class _Stream(Protocol):
    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class UpstreamAnswer:
    """A head, and a body to be read once. Close it whatever happens; closing early ends the connection."""

    status: int
    headers: Sequence[Header]
    _stream: _Stream

    async def body(self) -> AsyncGenerator[bytes]:
        """The pieces as they come. Raises UpstreamFailed where the answer is cut."""
        try:
            async for piece in self._stream:
                yield piece
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise UpstreamFailed(type(error).__name__) from error

    async def close(self) -> None:
        await self._stream.aclose()


class Upstreams:
    """The pool of one process. `refuses_private`: connect to public addresses only, but for those that are listed."""

    def __init__(
        self,
        *,
        most_connections: int,
        refuses_private: bool = False,
        listed_hosts: frozenset[str] = frozenset(),
        listed_networks: tuple[Network, ...] = (),
    ) -> None:
        backend = _PublicOnly(listed_hosts, listed_networks) if refuses_private else None
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=most_connections,
            max_keepalive_connections=most_connections,
            keepalive_expiry=KEPT_SECONDS,
            network_backend=backend,
        )

    async def open(
        self,
        method: str,
        base_url: str,
        target: bytes,
        headers: Sequence[Header],
        body: bytes | AsyncIterable[bytes] | None,
    ) -> UpstreamAnswer:
        """Send a request and wait for its answer's head. Raises UpstreamFailed; what `body` raises goes through."""
        attempt = _Attempt(method, base_url, target, headers, body)
        try:
            return await attempt.send(self._pool)
        except UpstreamFailed:
            if attempt.is_new_connection or method not in _SAFE_METHODS or body is not None:
                raise
        return await _Attempt(method, base_url, target, headers, body).send(self._pool)

    async def close(self) -> None:
        await self._pool.aclose()


class _Attempt:
    def __init__(
        self,
        method: str,
        base_url: str,
        target: bytes,
        headers: Sequence[Header],
        body: bytes | AsyncIterable[bytes] | None,
    ) -> None:
        parts = urlsplit(base_url)
        self.is_new_connection = False
        self._request = httpcore.Request(
            method,
            httpcore.URL(scheme=parts.scheme, host=parts.hostname or "", port=parts.port, target=target),
            headers=list(headers),
            content=body if body is not None else b"",
            extensions={"trace": self._trace, "timeout": {"connect": CONNECT_SECONDS, "pool": CONNECT_SECONDS}},
        )

    async def _trace(self, event: str, _info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self.is_new_connection = True

    async def send(self, pool: httpcore.AsyncConnectionPool) -> UpstreamAnswer:
        try:
            response = await pool.handle_async_request(self._request)
        except (
            httpcore.NetworkError,
            httpcore.ProtocolError,
            httpcore.TimeoutException,
            httpcore.UnsupportedProtocol,
            OSError,
        ) as error:
            raise UpstreamFailed(type(error).__name__) from error
        stream = response.stream
        answer = UpstreamAnswer(response.status, response.headers, stream)  # type: ignore[arg-type]
        if response.status == _SWITCHING_PROTOCOLS:
            await answer.close()
            raise UpstreamFailed("switched protocols unasked")
        if response.status > _LAST_STATUS:
            await answer.close()
            raise UpstreamFailed("no status of HTTP's")
        return answer


class _PublicOnly(httpcore.AsyncNetworkBackend):
    """Resolves a name itself and connects to the very address that it judged, so that no second look-up may differ."""

    def __init__(self, hosts: frozenset[str], networks: tuple[Network, ...]) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._hosts = hosts
        self._networks = networks

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if host not in self._hosts:
            host = await self._judged(host, port)
        return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)

    async def _judged(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError("the name could not be resolved") from error
        public = [str(entry[4][0]) for entry in found if not is_private_address(str(entry[4][0]), self._networks)]
        if not public:
            raise httpcore.ConnectError("a private address, which is refused here")
        return public[0]

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
