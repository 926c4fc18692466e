"""Which private upstreams an operator's setting lists: hosts by name, and networks."""

from services.gateway.domain.caller_address import Network, parse_networks
from services.gateway.settings import Settings


def private_allowed(settings: Settings) -> tuple[frozenset[str], tuple[Network, ...]]:
    """What is no network is a host's name."""
    hosts: set[str] = set()
    networks: list[Network] = []
    for listed in settings.upstream_private_allowed:
        try:
            networks += parse_networks([listed])
        except ValueError:
            hosts.add(listed.lower())
    return frozenset(hosts), tuple(networks)
