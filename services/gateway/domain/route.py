"""A route: a name under `/proxy/`, the upstream that it sells, and the price's present version.

Its upstream's own credentials are kept sealed by the store and shown to nobody.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from services.gateway.domain.caller_address import Network, is_within
from services.gateway.domain.price import Price
from shared.errors import Invalid

Format = Literal["auto", "raw", "openai", "anthropic"]
Status = Literal["live", "retired"]

NAME_PATTERN = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
_NAME = re.compile(NAME_PATTERN)
_TARGET = re.compile(r"[!-~]*")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
_MAX_PORT = 65_535
_NEVER_SET = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "keep-alive"}
)


@dataclass(frozen=True, slots=True)
class Route:
    """As a call sees it. `upstream_headers` replace the caller's of the same name."""

    id: str
    name: str
    upstream_url: str
    upstream_headers: tuple[tuple[bytes, bytes], ...]
    format: Format
    price: Price
    max_hold: int
    timeout_ms: int
    status: Status
    charge_errors: bool

    def __repr__(self) -> str:
        return f"Route({self.name!r}, price version {self.price.version})"


def is_route_name(text: str) -> bool:
    """Lower-case letters, digits, `-` and `_` inside; so a name reads the same in any path."""
    return _NAME.fullmatch(text) is not None


def check_upstream_url(
    text: str, *, private_allowed: bool, listed: frozenset[str], networks: tuple[Network, ...]
) -> str:
    """The address as it is kept. Invalid where it is no plain http(s) address, or names a private one unlisted."""
    parts = _split(text)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host:
        raise Invalid("/upstream_url", "begins with http:// or https:// and names a host")
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise Invalid("/upstream_url", "bears no user or password; put credentials into upstream_headers")
    if "?" in text or "#" in text:
        raise Invalid("/upstream_url", "has no query and no fragment")
    if not private_allowed and host not in listed and is_private_host(host, networks):
        raise Invalid("/upstream_url", "names a private address, which is refused here")
    return text.rstrip("/")


def _split(text: str) -> SplitResult:
    if not _TARGET.fullmatch(text) or "\\" in text:
        raise Invalid("/upstream_url", "holds a character that no address may")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Invalid("/upstream_url", "is no address") from None
    if port is not None and not 0 < port <= _MAX_PORT:
        raise Invalid("/upstream_url", "names no port between 1 and 65535")
    if (
        any(segment in (".", "..") for segment in parts.path.lower().replace("%2e", ".").split("/"))
        or "//" in parts.path
    ):
        raise Invalid("/upstream_url", "has a path that means two things")
    return parts


def is_private_host(host: str, allowed: tuple[Network, ...]) -> bool:
    """Whether a host is, by itself, an address that the internet can't reach. Odd spellings of numbers count as
    private: no resolver should read them. A name is judged when it is connected to."""
    bare = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        return is_private_address(bare, allowed)
    except ValueError:
        return _is_odd_number(bare)


def is_private_address(text: str, allowed: tuple[Network, ...]) -> bool:
    """Whether an address is not of the public internet, and in none of the allowed networks."""
    address = ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    return not address.is_global and not is_within(address, allowed)


def _is_odd_number(host: str) -> bool:
    last = host.rsplit(".", 1)[-1]
    return last.isdigit() or last.startswith("0x")


def check_upstream_headers(headers: dict[str, str]) -> dict[str, str]:
    """Headers that an operator may send upstream. Invalid for framing, and for what would split a request."""
    for name, value in headers.items():
        pointer = f"/upstream_headers/{name.replace('~', '~0').replace('/', '~1')}"
        if not _HEADER_NAME.fullmatch(name):
            raise Invalid(pointer, "is no header's name")
        if name.lower() in _NEVER_SET:
            raise Invalid(pointer, "is set by the gateway alone")
        if not _HEADER_VALUE.fullmatch(value):
            raise Invalid(pointer, "holds a character that no header may")
    return headers
