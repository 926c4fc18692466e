"""Whose address a request comes from.

It is the last entry of `X-Forwarded-For` that is no trusted proxy; where all are trusted, the first; without the
header, the peer. The header is believed only from a trusted peer. `X-Real-IP` and `Forwarded` say nothing. An entry
that is no address was written by somebody we don't know, so the hop that handed it on counts as the caller.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_UNKNOWN_PEER = "127.0.0.1"


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """`10.0.0.0/8` or a single address each; ValueError names what is neither."""
    return tuple(ip_network(text.strip(), strict=False) for text in texts if text.strip())


def caller_address(peer: str | None, forwarded_for: Sequence[str], *, trusted: Sequence[Network]) -> str:
    """The caller's address as text; `forwarded_for` are the header's values, in order, one for each line."""
    if not forwarded_for:
        return _peer_address(peer)
    hop = parse_address(peer or _UNKNOWN_PEER)
    if hop is None:
        return _UNKNOWN_PEER
    for text in reversed([entry for line in forwarded_for for entry in line.split(",") if entry.strip()]):
        if not is_within(hop, trusted):
            break
        said = parse_address(text)
        if said is None:
            break
        hop = said
    return str(hop)


@lru_cache(maxsize=1_024)
def _peer_address(peer: str | None) -> str:
    return str(parse_address(peer or _UNKNOWN_PEER) or _UNKNOWN_PEER)


def is_within(address: Address, networks: Iterable[Network]) -> bool:
    """Whether any of the networks holds the address (one of the other family holds none)."""
    return any(address in network for network in networks)


def parse_address(text: str) -> Address | None:
    """An address, perhaps with a port or in brackets; an IPv4 one in IPv6 clothes is the IPv4 one."""
    bare = text.strip()
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
