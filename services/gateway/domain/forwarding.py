"""What of a paid request and its answer crosses the gateway.

Paths and queries go upstream byte for byte. Hop-by-hop headers (RFC 9110, section 7.6.1) end here, in both directions,
and so does everything that says who the caller is or what a call cost: that is the gateway's to say.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar
from urllib.parse import urlsplit

from shared.errors import DomainError

Header = tuple[bytes, bytes]
T = TypeVar("T")

PROXY_PREFIX = b"/proxy/"

_BODILESS = frozenset({204, 304})
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
_NEVER_A_HOP = {b"content-type", b"keep-alive", b"close"}
_NEVER_DOWNSTREAM_PREFIXES = (b"x-credits-", b"ratelimit", b"x-ratelimit", b"x-tollgate-")


class UnknownRoute(DomainError):
    """No live route has the name."""

    def __init__(self) -> None:
        super().__init__("unknown_route", "There is no such route.")


@dataclass(slots=True)
class ProxyPath:
    """`/proxy/{route}{rest}`: `rest` begins with a slash or is empty."""

    route: str
    rest: bytes


def is_bodiless(status: int) -> bool:
    """Whether answers with the status never have a body, nor a length of one (RFC 9110, section 6.4.1)."""
    return status in _BODILESS


def may_have_body(method: str, status: int) -> bool:
    """Whether anything follows an answer's head (RFC 9110, section 6.4.1)."""
    return method != "HEAD" and status not in _BODILESS


def parse_proxy_path(raw_path: bytes) -> ProxyPath:
    """The route's name and the rest, as they were sent; the front door has judged that the path has one meaning."""
    name, slash, rest = raw_path.removeprefix(PROXY_PREFIX).partition(b"/")
    return ProxyPath(name.decode("ascii", "replace"), slash + rest)


class CallerHead:
    """What the gateway reads of a paid request's head, and what of it goes on; read in one pass.

    `kept` goes upstream, but for `hops`, the names that `Connection` lists. `has_body` is true of an empty one too.
    """

    __slots__ = ("api_keys", "authorizations", "expectations", "forwarded_for", "has_body", "hops", "kept")

    def __init__(self, headers: Iterable[Header]) -> None:
        self.authorizations: list[str] = []
        self.api_keys: list[str] = []
        self.forwarded_for: list[str] = []
        self.expectations: list[bytes] = []
        self.hops: set[bytes] = set()
        self.has_body = False
        self.kept: list[Header] = []
        keep, goes, known = self.kept.append, _GOES, _REQUEST_NAMES
        for header in headers:
            verdict = known.get(header[0]) or _judged_request_name(header[0])
            if verdict is goes:
                keep(header)
            elif verdict is _READ:
                self._read(*header)

    def _read(self, name: bytes, value: bytes) -> None:
        if name == b"content-length" or name == b"transfer-encoding":  # noqa: PLR1714 - a set costs more here
            self.has_body = True
        elif name == b"authorization":
            self.authorizations.append(value.decode("latin-1"))
        elif name == b"x-api-key":
            self.api_keys.append(value.decode("latin-1"))
        elif name == b"connection":
            self.hops |= _hops(value)
        elif name == b"x-forwarded-for":
            self.forwarded_for.append(value.decode("latin-1"))
        else:
            self.expectations.append(value)

    def check_expectation(self) -> None:
        """DomainError `expectation_failed` (RFC 9110, section 10.1.1)."""
        if any(value.strip().lower() != b"100-continue" for value in self.expectations):
            raise DomainError("expectation_failed", "Only 100-continue can be expected.")


def first(headers: Iterable[Header], name: bytes) -> bytes | None:
    """The first value of a header; upstreams' names may be in any case."""
    return next((value for key, value in headers if key.lower() == name), None)


def every(headers: Iterable[Header], name: bytes) -> list[bytes]:
    return [value for key, value in headers if key.lower() == name]


class Way:
    """What every request to an upstream has in common: its host, its own path, and the route's own headers."""

    __slots__ = ("_begins", "_ends", "_path", "_replaced")

    def __init__(self, upstream_url: str, own: Sequence[Header]) -> None:
        parts = urlsplit(upstream_url)
        self._path = parts.path.encode("ascii")
        self._begins: list[Header] = [(b"host", parts.netloc.encode("ascii"))]
        self._ends = list(own)
        self._replaced = {name.lower() for name, _ in own} - _NEVER_UPSTREAM

    def target(self, rest: bytes, query: bytes) -> bytes:
        """The request target at the upstream: its own path, then the caller's path and query as they were sent."""
        target = self._path + rest or b"/"
        return target + b"?" + query if query else target

    def headers(self, head: CallerHead) -> list[Header]:
        """What goes upstream: the caller's headers but those that end here, then the route's own. The request's id and
        its framing are the sender's to add."""
        kept: Sequence[Header] = head.kept
        if self._replaced or head.hops:
            stopped = self._replaced | head.hops if head.hops else self._replaced
            kept = [header for header in kept if header[0] not in stopped]
        return [*self._begins, *kept, *self._ends]


@lru_cache(maxsize=1_024)
def way_to(upstream_url: str, own: tuple[Header, ...]) -> Way:
    """The way to an upstream, made once."""
    return Way(upstream_url, own)


def response_headers(headers: Sequence[Header]) -> list[Header]:
    """What of the upstream's head goes on to the caller, names in lower case."""
    kept: list[Header] = []
    hops: set[bytes] = set()
    known = _RESPONSE_NAMES
    for name, value in headers:
        lowered = known.get(name)
        if lowered is None:
            lowered = _judged_response_name(name)
        if lowered:
            kept.append((lowered, value))
        elif name.lower() == b"connection":
            hops |= _hops(value)
    return [header for header in kept if header[0] not in hops] if hops else kept


def without(headers: Sequence[Header], *names: bytes) -> list[Header]:
    return [(name, value) for name, value in headers if name not in names]


_GOES, _STOPS, _READ = "goes", "stops", "read"
_READ_BY_US = (
    b"authorization", b"x-api-key", b"connection", b"content-length", b"transfer-encoding", b"x-forwarded-for",
    b"expect",
)  # fmt: skip
_REQUEST_NAMES: dict[bytes, str] = dict.fromkeys(_READ_BY_US, _READ)
"""What becomes of a caller's header, by its name."""
_RESPONSE_NAMES: dict[bytes, bytes] = {}
"""An upstream's header's name in lower case, empty where it stops here."""
_MOST_NAMES = 4_096
_LONGEST_NAME = 64


def _judged_request_name(name: bytes) -> str:
    verdict = _STOPS if _is_stopped(name, _NEVER_UPSTREAM, _NEVER_UPSTREAM_PREFIXES) else _GOES
    _remember(_REQUEST_NAMES, name, verdict)
    return verdict


def _judged_response_name(name: bytes) -> bytes:
    lowered = name.lower()
    verdict = b"" if _is_stopped(lowered, _NEVER_DOWNSTREAM, _NEVER_DOWNSTREAM_PREFIXES) else lowered
    _remember(_RESPONSE_NAMES, name, verdict)
    return verdict


def _is_stopped(name: bytes, names: frozenset[bytes], prefixes: tuple[bytes, ...]) -> bool:
    """Some servers read `_` as `-`, so a name in that spelling is the same one."""
    dashed = name.replace(b"_", b"-")
    return dashed in names or dashed.startswith(prefixes)


def _remember(known: dict[bytes, T], name: bytes, verdict: T) -> None:
    """So many verdicts are remembered: whoever sends ever new names has each judged, and pushes out nobody's."""
    if len(known) < _MOST_NAMES and len(name) <= _LONGEST_NAME:
        known[name] = verdict


def _hops(value: bytes) -> set[bytes]:
    """The names that a `Connection` header lists."""
    return {token.strip().lower() for token in value.split(b",")} - _NEVER_A_HOP
