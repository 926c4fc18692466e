"""Where a customer may be sent after the payment page: the platform itself, hosts that a setting lists, and outside
production any loopback address. Nothing else, so that a checkout is no open redirect."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from shared.errors import Invalid

SESSION_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"
MAX_LENGTH = 2_000
_PRINTABLE = range(0x21, 0x7F)
_FORBIDDEN = frozenset('\\"<>^`|')
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class AddressRules:
    """`public_url` is the platform's own; `hosts` are `host` or `host:port`, in lower case."""

    public_url: str
    hosts: tuple[str, ...]
    loopback_allowed: bool


def checked_address(address: str, pointer: str, rules: AddressRules) -> str:
    """The address as it came, or Invalid at `pointer`."""
    parts = _parts(address, pointer)
    if not _is_allowed(parts, rules):
        raise Invalid(pointer, "leads to a host that is not allowed here")
    return address


def _parts(address: str, pointer: str) -> SplitResult:
    if len(address) > MAX_LENGTH:
        raise Invalid(pointer, f"is longer than {MAX_LENGTH} characters")
    if any(ord(character) not in _PRINTABLE or character in _FORBIDDEN for character in address):
        raise Invalid(pointer, "holds a character that no address may hold; percent-encode it")
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise Invalid(pointer, "is no address") from error
    if parts.scheme not in _DEFAULT_PORTS or not address.lower().startswith(f"{parts.scheme}://"):
        raise Invalid(pointer, "must begin with http:// or https://")
    if not parts.hostname:
        raise Invalid(pointer, "has no host")
    if "@" in parts.netloc:
        raise Invalid(pointer, "must not hold a user name or password")
    if any(brace in parts.netloc for brace in "{}%"):
        raise Invalid(pointer, "has no such host")
    return parts


def _is_allowed(parts: SplitResult, rules: AddressRules) -> bool:
    own = urlsplit(rules.public_url)
    if _origin(parts) == _origin(own):
        return True
    host, port = parts.hostname or "", _port(parts)
    if rules.loopback_allowed and _is_loopback(host):
        return True
    if f"{host}:{port}" in rules.hosts:
        return True
    return host in rules.hosts and port == _DEFAULT_PORTS[parts.scheme]


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", _port(parts)


def _port(parts: SplitResult) -> int:
    return parts.port if parts.port is not None else _DEFAULT_PORTS.get(parts.scheme, 0)


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
