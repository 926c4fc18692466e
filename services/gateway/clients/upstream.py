"""The APIs that are sold: which addresses their names may lead to, and a pool of connections to them.

Method, target, headers and body go out exactly as given. Waits are the caller's to bound (`asyncio.timeout`).
"""

import asyncio
import socket
from collections.abc import AsyncIterable, Sequence

from services.gateway.clients import http1
from services.gateway.clients.http1 import Answer as UpstreamAnswer
from services.gateway.clients.http1 import ExchangeFailed as UpstreamFailed
from services.gateway.clients.http1 import Header, NoRoom, NotConnected, Origin, opening_of
from services.gateway.domain.caller_address import Network
from services.gateway.domain.route import is_private_address

__all__ = ["Header", "NoRoom", "UpstreamAnswer", "UpstreamFailed", "Upstreams", "opening_of"]

_MOST_URLS = 10_000


class Upstreams:
    """The pool of one process. `refuses_private`: connect to public addresses only, but for those that are listed."""

    def __init__(
        self,
        *,
        most_connections: int,
        most_per_origin: int | None = None,
        refuses_private: bool = False,
        listed_hosts: frozenset[str] = frozenset(),
        listed_networks: tuple[Network, ...] = (),
    ) -> None:
        self._pool = http1.Pool(
            most_connections=most_connections,
            most_per_origin=most_per_origin or most_connections,
            most_waiting=most_connections,
            addresses=_PublicOnly(listed_hosts, listed_networks) if refuses_private else http1.as_named,
        )
        self._origins: dict[str, Origin] = {}

    async def send(
        self, method: str, base_url: str, head: bytes, body: bytes | AsyncIterable[bytes] | None
    ) -> UpstreamAnswer:
        """Send a request and wait for its answer's head: `head` is an `opening_of`, this request's own lines and an
        empty one. Raises UpstreamFailed; what `body` raises goes through."""
        origin = self._origins.get(base_url) or self._read(base_url)
        return await self._pool.send(origin, method, head, body)

    async def close(self) -> None:
        await self._pool.close()

    def _read(self, base_url: str) -> Origin:
        if len(self._origins) >= _MOST_URLS:
            self._origins.clear()
        origin = self._origins[base_url] = http1.origin_of(base_url)
        return origin


class _PublicOnly:
    """Resolves a name itself, and what it judged is what is connected to, so that no second look-up may differ."""

    def __init__(self, hosts: frozenset[str], networks: tuple[Network, ...]) -> None:
        self._hosts = hosts
        self._networks = networks

    async def __call__(self, origin: Origin) -> Sequence[str]:
        if origin.host in self._hosts:
            return (origin.host,)
        found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        public = [address for address in addresses if not is_private_address(address, self._networks)]
        if not public:
            raise NotConnected("a private address, which is refused here")
        return public
