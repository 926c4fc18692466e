"""Who may use a key for what: scopes and addresses.

Scopes: `proxy` (every route), `proxy:{route}`, `credits:read`, `usage:read`.
"""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from shared.errors import DomainError, Invalid

ALL_SCOPES = ("proxy", "credits:read", "usage:read")
MOST_SCOPES = 50
MOST_NETWORKS = 50
_ROUTE_SCOPE = re.compile(r"proxy:[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)


class InvalidApiKey(DomainError):
    """Unknown, malformed, revoked and expired keys get one answer."""

    def __init__(self) -> None:
        super().__init__(
            "invalid_api_key",
            "This API key is not valid.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )


class KeyNotAllowed(DomainError):
    """A good key where it may not be used."""

    def __init__(self, detail: str) -> None:
        super().__init__("key_not_allowed", detail)


def valid_scopes(scopes: Sequence[str] | None) -> tuple[str, ...]:
    """The scopes, each once, in order; None means all. Invalid for an empty list or an unknown scope."""
    if scopes is None:
        return ALL_SCOPES
    if not 1 <= len(scopes) <= MOST_SCOPES:
        raise Invalid("/scopes", f"must name 1 to {MOST_SCOPES} scopes; leave it out for all")
    for position, scope in enumerate(scopes):
        if scope not in ALL_SCOPES and _ROUTE_SCOPE.fullmatch(scope) is None:
            raise Invalid(f"/scopes/{position}", "must be proxy, proxy:{route}, credits:read or usage:read")
    return tuple(dict.fromkeys(scopes))


def valid_networks(networks: Sequence[str] | None) -> tuple[str, ...]:
    """Addresses and CIDR networks in their one form, each once; None and an empty list mean everywhere."""
    if networks is None:
        return ()
    if len(networks) > MOST_NETWORKS:
        raise Invalid("/allowed_ips", f"must name at most {MOST_NETWORKS} addresses or networks")
    normal = [_network(text, f"/allowed_ips/{position}") for position, text in enumerate(networks)]
    return tuple(dict.fromkeys(normal))


def _network(text: str, pointer: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise Invalid(pointer, "must be an address or a network such as 192.0.2.0/24") from error
    if network.num_addresses > 1:
        return str(network)
    address = network.network_address
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_in_scope(scopes: Sequence[str], wanted: str) -> bool:
    """Whether one of the key's scopes covers `wanted` (`proxy` covers each `proxy:{route}`)."""
    return wanted in scopes or (wanted.startswith("proxy:") and "proxy" in scopes)


@lru_cache(maxsize=4_096)
def is_allowed_from(networks: tuple[str, ...], address: str) -> bool:
    """Whether a key may be used from an address. No networks: from everywhere."""
    if not networks:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(caller, "ipv4_mapped", None) or caller
    return any(mapped in ipaddress.ip_network(network) for network in networks)
