"""HTTP/1.1 as the gateway speaks it to upstreams and to billing: a keep-alive pool on transports and httptools.

A request's head and body go out exactly as given, one at a time on a connection. There is no redirect, no cookie, no
proxy of the environment, no retry but one: a safe request without a body whose kept connection died unanswered. How
long an answer may take is the caller's to bound (`asyncio.timeout`): cancelling a wait closes the connection.
"""

from services.gateway.clients.http1.answer import Answer, ExchangeFailed, Header, NoRoom, NotConnected
from services.gateway.clients.http1.dialing import Origin, as_named, origin_of
from services.gateway.clients.http1.framing import opening_of
from services.gateway.clients.http1.pool import Pool

__all__ = [
    "Answer",
    "ExchangeFailed",
    "Header",
    "NoRoom",
    "NotConnected",
    "Origin",
    "Pool",
    "as_named",
    "opening_of",
    "origin_of",
]
