"""How a connection is made: within 5 s from the look-up of the name to the end of the TLS handshake."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

from services.gateway.clients.http1.answer import NotConnected

P = TypeVar("P", bound=asyncio.Protocol)

CONNECT_SECONDS = 5.0


class Origin(NamedTuple):
    """Where connections lead."""

    host: str
    port: int
    is_tls: bool


Addresses = Callable[[Origin], Awaitable[Sequence[str]]]
"""The addresses that may be connected to, best first. Raises NotConnected where there is none."""


def origin_of(url: str) -> Origin:
    """The origin of a base URL. Raises NotConnected for what is none of HTTP's."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotConnected("no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotConnected("no URL of HTTP's")
    is_tls = parts.scheme == "https"
    return Origin(parts.hostname, port or (443 if is_tls else 80), is_tls)


async def as_named(origin: Origin) -> Sequence[str]:
    """The name itself: whatever it leads to may be connected to."""
    return (origin.host,)


async def dial(origin: Origin, protocol: Callable[[], P], addresses: Addresses, tls: ssl.SSLContext | None) -> P:
    """A connection to the first address that takes one. Raises NotConnected."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await _first_to_answer(origin, await addresses(origin), protocol, tls)
    except (OSError, UnicodeError) as error:
        raise NotConnected(type(error).__name__) from error


async def _first_to_answer(
    origin: Origin, addresses: Sequence[str], protocol: Callable[[], P], tls: ssl.SSLContext | None
) -> P:
    failure: OSError = OSError("no address")
    name = origin.host if origin.is_tls else None
    for address in addresses:
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(protocol, address, origin.port, ssl=tls, server_hostname=name)
        except TimeoutError:
            raise
        except OSError as error:
            failure = error
        else:
            return made
    raise failure
