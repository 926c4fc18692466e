"""What of a paid request and its answer crosses the gateway.

Paths and queries go upstream byte for byte. Hop-by-hop headers (RFC 9110, section 7.6.1) end here, in both directions,
and so does everything that says who the caller is or what a call cost: that is the gateway's to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import DomainError

Header = tuple[bytes, bytes]

PROXY_PREFIX = b"/proxy/"

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-authentication-info",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    }
)
_NEVER_UPSTREAM = _HOP_BY_HOP | {
    b"host",
    b"expect",
    b"content-length",
    b"authorization",
    b"x-api-key",
    b"cookie",
    b"cookie2",
    b"forwarded",
    b"x-real-ip",
    b"x-account-id",
    b"x-request-id",
    b"x-usage-units",
}
_NEVER_UPSTREAM_PREFIXES = (b"x-tollgate-", b"x-forwarded-", b"x-credits-")
_NEVER_DOWNSTREAM = _HOP_BY_HOP | {
    b"set-cookie",
    b"set-cookie2",
    b"x-request-id",
    b"date",
    b"strict-transport-security",
    b"clear-site-data",
    b"alt-svc",
}
_NEVER_DOWNSTREAM_PREFIXES = (b"x-credits-", b"ratelimit", b"x-ratelimit", b"x-tollgate-")


class UnknownRoute(DomainError):
    """No live route has the name."""

    def __init__(self) -> None:
        super().__init__("unknown_route", "There is no such route.")


@dataclass(frozen=True, slots=True)
class ProxyPath:
    """`/proxy/{route}{rest}`: `rest` begins with a slash or is empty."""

    route: str
    rest: bytes


def parse_proxy_path(raw_path: bytes) -> ProxyPath:
    """The route's name and the rest, as they were sent; the front door has judged that the path has one meaning."""
    name, slash, rest = raw_path.removeprefix(PROXY_PREFIX).partition(b"/")
    return ProxyPath(name.decode("ascii", "replace"), slash + rest)


def check_expectation(headers: Sequence[Header]) -> None:
    """DomainError `expectation_failed` (RFC 9110, section 10.1.1)."""
    if any(value.strip().lower() != b"100-continue" for value in every(headers, b"expect")):
        raise DomainError("expectation_failed", "Only 100-continue can be expected.")


def presented_key(headers: Sequence[Header]) -> str | None:
    """The API key as the caller presents it, or None. DomainError `ambiguous_credentials` where there are two."""
    found = [(name, value) for name, value in headers if name in (b"authorization", b"x-api-key")]
    if len(found) > 1:
        raise DomainError("ambiguous_credentials", "Send one credential: Authorization or X-API-Key, once.")
    if not found:
        return None
    name, value = found[0]
    if name == b"x-api-key":
        return value.decode("latin-1").strip()
    scheme, _, token = value.decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def first(headers: Iterable[Header], name: bytes) -> bytes | None:
    """The first value of a header; upstreams' names may be in any case."""
    return next((value for key, value in headers if key.lower() == name), None)


def every(headers: Iterable[Header], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


def upstream_target(upstream_url: str, rest: bytes, query: bytes) -> bytes:
    """The request target at the upstream: its own path, then the caller's path and query as they were sent."""
    path = urlsplit(upstream_url).path.encode("ascii") + rest
    target = path or b"/"
    return target + b"?" + query if query else target


def request_headers(
    headers: Sequence[Header], *, upstream_url: str, own: Sequence[Header], request_id: str
) -> list[Header]:
    """What goes upstream: the caller's headers but those that end here, then the route's own and ours. Framing is
    the sender's to add."""
    own_names = {name.lower() for name, _ in own}
    stopped = _named_in_connection(headers) | own_names
    kept = [
        (name, value)
        for name, value in headers
        if name not in stopped and not _is_stopped(name, _NEVER_UPSTREAM, _NEVER_UPSTREAM_PREFIXES)
    ]
    host = urlsplit(upstream_url).netloc.encode("ascii")
    return [(b"host", host), *kept, *own, (b"x-request-id", request_id.encode("ascii"))]


def response_headers(headers: Sequence[Header]) -> list[Header]:
    """What of the upstream's head goes on to the caller."""
    lowered = [(name.lower(), value) for name, value in headers]
    stopped = _named_in_connection(lowered)
    return [
        (name, value)
        for name, value in lowered
        if name not in stopped and not _is_stopped(name, _NEVER_DOWNSTREAM, _NEVER_DOWNSTREAM_PREFIXES)
    ]


def without(headers: Sequence[Header], *names: bytes) -> list[Header]:
    return [(name, value) for name, value in headers if name not in names]


def _is_stopped(name: bytes, names: frozenset[bytes], prefixes: tuple[bytes, ...]) -> bool:
    """Some servers read `_` as `-`, so a name in that spelling is the same one."""
    dashed = name.replace(b"_", b"-")
    return dashed in names or dashed.startswith(prefixes)


def _named_in_connection(headers: Sequence[Header]) -> set[bytes]:
    return {
        token.strip().lower()
        for name, value in headers
        if name == b"connection"
        for token in value.split(b",")
        if token.strip().lower() != b"content-type"
    }
