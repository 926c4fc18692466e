"""What of a payment is looked up on billing's copy of the blacklist: digests where a value names a person, else the
value itself, as fraud compares them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["email", "domain", "card", "device", "ip", "network", "account"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

WORDS: Mapping[Kind, str] = {
    "email": "The email address is on the blacklist.",
    "domain": "The email address's domain is on the blacklist.",
    "card": "The card is on the blacklist.",
    "device": "The device is on the blacklist.",
    "ip": "The address that the payment came from is on the blacklist.",
    "network": "The network that the payment came from is on the blacklist.",
    "account": "The account is on the blacklist.",
}
"""What the customer reads of each."""


@dataclass(frozen=True, slots=True)
class Looks:
    """What to compare with: a value of each kind that is compared for equality, and the address that networks may
    hold."""

    matches: Mapping[str, str]
    address: str | None


def looks_of(
    *,
    account_id: str,
    email_hash: str | None,
    domain_hash: str | None,
    card_fingerprint: str | None,
    device_id: str | None,
    address: Address | None,
    address_hash: str | None,
) -> Looks:
    """What is not known is not looked up."""
    known: dict[str, str | None] = {
        "account": account_id,
        "email": email_hash,
        "domain": domain_hash,
        "card": card_fingerprint,
        "device": device_id,
        "ip": address_hash,
    }
    matches = {kind: value for kind, value in known.items() if value is not None}
    return Looks(matches, None if address is None else str(address))


def readable_address(said: str | None) -> Address | None:
    """A caller's address, an IPv4 one wrapped in IPv6 unwrapped; None where there is none to be read."""
    try:
        address = ipaddress.ip_address((said or "").strip().partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
