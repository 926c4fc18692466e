"""The blacklist: what an entry may say, and which payment it bites (U9, U11, S15).

An entry's `match` is what a payment's facts are compared with: for an email, a domain or an address (`ip`) its keyed
digest, made outside; for a network its CIDR form; for the rest the value itself. An entry bites until `expires_at`.
Where only the digest is known (of the email behind a payment that was blocked) it stands for the value, as
`digest:<64 hex digits>`.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType, get_args

from shared.errors import DomainError, Invalid
from shared.ids import decode

Kind = Literal["email", "domain", "card", "device", "ip", "network", "account"]
EntryId = NewType("EntryId", str)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KINDS: tuple[Kind, ...] = get_args(Kind)
DIGESTED: frozenset[Kind] = frozenset({"email", "domain", "ip"})
"""Kinds that name a person: their value is sealed at rest, and compared by digest (S16)."""

ID_PREFIX = "blk"
LONGEST_VALUE = 320
WIDEST_PREFIX = {4: 8, 6: 16}
"""A wider network is a mistake: it would block everybody."""

_LABEL = r"[^\W_](?:[^\W_]|-){0,61}(?<!-)"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z){_LABEL}")
_LOCAL_PART = re.compile(r"[^\s@\"(),:;<>\[\]\\]{1,64}")
_CARD = re.compile(r"[A-Za-z0-9_]{6,64}")
_DIGEST = re.compile(r"digest:([0-9a-f]{64})")
_CARD_NUMBER = re.compile(r"\d[\d _-]{10,}\d")


class AlreadyListed(DomainError):
    """A live entry says the same."""

    def __init__(self) -> None:
        super().__init__("already_listed", "A live entry of this kind and value is on the blacklist.")


@dataclass(frozen=True, slots=True)
class Draft:
    """What an operator asks to list; `value` is in its normal form."""

    kind: Kind
    value: str
    reason: str | None
    source: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A live entry, without the value that an operator sees."""

    id: EntryId
    kind: Kind
    match: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry as an operator sees it."""

    id: EntryId
    kind: Kind
    match: str
    value: str
    reason: str | None
    source: str
    expires_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Traits:
    """By what a payment can be listed. `ip_match` is the digest of `ip`; each is None where it is not known."""

    account_id: str
    email_match: str | None = None
    domain_match: str | None = None
    card_fingerprint: str | None = None
    device_id: str | None = None
    ip: Address | None = None
    ip_match: str | None = None

    def matches(self) -> dict[Kind, str]:
        """The value to compare with, of each kind that is compared for equality."""
        values: dict[Kind, str | None] = {
            "email": self.email_match,
            "domain": self.domain_match,
            "card": self.card_fingerprint,
            "device": self.device_id,
            "ip": self.ip_match,
            "account": self.account_id,
        }
        return {kind: value for kind, value in values.items() if value is not None}


def draft(
    *, kind: Kind, value: str, reason: str | None, source: str, expires_at: datetime | None, now: datetime
) -> Draft:
    """A draft whose value makes sense for its kind and whose end lies ahead. Raises Invalid."""
    if expires_at is not None and expires_at <= now:
        raise Invalid("/expires_at", "must lie in the future")
    return Draft(kind, normal_value(kind, value), reason, source, expires_at)


def normal_value(kind: Kind, value: str) -> str:
    """The one spelling of a value. Raises Invalid; the message never repeats the value."""
    text = unicodedata.normalize("NFC", value.strip())
    normal = _NORMAL[kind](text) if 0 < len(text) <= LONGEST_VALUE else None
    if kind in DIGESTED and digest_of(text) is not None:
        return text
    if normal is None:
        raise Invalid("/value", f"must be {_WANTED[kind]}")
    return normal


def of_digest(match: str) -> str:
    """The value of an entry of which only the digest is known."""
    return f"digest:{match}"


def digest_of(value: str) -> str | None:
    """The digest that stands for a value; None where the value itself is said."""
    found = _DIGEST.fullmatch(value)
    return None if found is None else found[1]


def readable_address(text: str | None) -> Address | None:
    """The address of a caller, an IPv4 one wrapped in IPv6 unwrapped; None where there is none to be read."""
    try:
        return _unwrapped(ipaddress.ip_address((text or "").strip().partition("%")[0]))
    except ValueError:
        return None


def hits(entries: Iterable[Entry], traits: Traits, *, at: datetime) -> Sequence[Entry]:
    """The entries that bite a payment, in the order of `KINDS`."""
    biting = [entry for entry in entries if _is_live(entry, at) and _matches(entry, traits)]
    return sorted(biting, key=lambda entry: (KINDS.index(entry.kind), entry.id))


def _is_live(entry: Entry, at: datetime) -> bool:
    return entry.expires_at is None or at < entry.expires_at


def _matches(entry: Entry, traits: Traits) -> bool:
    if entry.kind == "network":
        return traits.ip is not None and traits.ip in ipaddress.ip_network(entry.match)
    return traits.matches().get(entry.kind) == entry.match


def _email(text: str) -> str | None:
    local, _, domain = text.rpartition("@")
    normal = _domain(domain)
    return f"{local.lower()}@{normal}" if normal and _LOCAL_PART.fullmatch(local) else None


def _domain(text: str) -> str | None:
    name = text.lower().removesuffix(".")
    return name if len(name) <= 253 and _DOMAIN.fullmatch(name) else None


def _card(text: str) -> str | None:
    return text if _CARD.fullmatch(text) and not _CARD_NUMBER.fullmatch(text) else None


def _device(text: str) -> str | None:
    return text if decode("dev", text) is not None else None


def _account(text: str) -> str | None:
    return text if decode("acct", text) is not None else None


def _ip(text: str) -> str | None:
    address = None if "%" in text else readable_address(text)
    return None if address is None else str(address)


def _network(text: str) -> str | None:
    try:
        network = _unwrapped_network(ipaddress.ip_network(text, strict=False))
    except ValueError:
        return None
    return str(network) if network.prefixlen >= WIDEST_PREFIX[network.version] else None


def _unwrapped(address: Address) -> Address:
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _unwrapped_network(network: Network) -> Network:
    first = network.network_address
    if isinstance(first, ipaddress.IPv6Address) and first.ipv4_mapped and network.prefixlen >= 96:
        return ipaddress.ip_network((first.ipv4_mapped, network.prefixlen - 96))
    return network


_NORMAL = {
    "email": _email,
    "domain": _domain,
    "card": _card,
    "device": _device,
    "ip": _ip,
    "network": _network,
    "account": _account,
}
_WANTED = {
    "email": "an email address, as eve@example.com",
    "domain": "a domain name, as example.com",
    "card": "a card's fingerprint as Stripe gives it, never its number",
    "device": "a device's id, as dev_01J...",
    "ip": "one IPv4 or IPv6 address, as 192.0.2.7",
    "network": "a network in CIDR form, as 192.0.2.0/24, no wider than /8 (IPv4) or /16 (IPv6)",
    "account": "an account's id, as acct_01J...",
}


def kind_of(text: str) -> Kind:
    """A kind that the store kept."""
    assert text in KINDS
    return text
