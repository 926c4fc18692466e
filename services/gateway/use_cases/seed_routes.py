"""The two routes of a fresh installation: `demo`, priced by tokens, and `echo`, priced by the call.

Safe to run again: a route that an operator changed or deleted stays as it is, but for a seeded loopback address, which
follows the demo upstream to its present port.
"""

from urllib.parse import urlsplit

from services.gateway.domain.route import Route
from services.gateway.service import Gateway
from services.gateway.store import routes
from services.gateway.store.routes import KeptRoute
from services.gateway.use_cases.admin_routes import (
    PriceParts,
    RouteWish,
    change_route,
    checked_route,
    insert_route,
)
from services.gateway.use_cases.changing import changing
from shared import audit
from shared.money import MILLICREDITS_PER_CREDIT

_ACTOR = audit.Actor("system")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def seed(gateway: Gateway) -> list[str]:
    """Make the routes that lack, where DEMO_UPSTREAM_URL is set; what was done, a line each."""
    base = gateway.settings.demo_upstream_url.rstrip("/")
    if not base:
        return []
    return [line for wish in _wishes(base) if (line := await _seed_one(gateway, wish)) is not None]


def _wishes(base: str) -> list[RouteWish]:
    per_1000_tokens = PriceParts(per_1000_tokens=MILLICREDITS_PER_CREDIT)
    per_call = PriceParts(per_call=MILLICREDITS_PER_CREDIT)
    return [
        RouteWish(name="demo", upstream_url=f"{base}/demo", price=per_1000_tokens, format="auto"),
        RouteWish(name="echo", upstream_url=f"{base}/echo", price=per_call, format="raw"),
    ]


async def _seed_one(gateway: Gateway, wish: RouteWish) -> str | None:
    route = checked_route(gateway, wish)
    async with changing(gateway) as connection:
        kept = await routes.by_name(connection, gateway.settings.seal_keys, wish.name, lock=True)
        if kept is None:
            if await routes.existed(connection, wish.name):
                return None
            await insert_route(gateway, connection, _ACTOR, route, seeded=True)
            return f"route {route.name} -> {route.upstream_url}"
    if not _has_moved(kept, route):
        return None
    await change_route(gateway, _ACTOR, kept.route.id, {"upstream_url": route.upstream_url})
    return f"route {route.name} now -> {route.upstream_url}"


def _has_moved(kept: KeptRoute, wanted: Route) -> bool:
    """Only the port of a loopback address that seeding wrote: another path or host was an operator's wish."""
    before, now = urlsplit(kept.route.upstream_url), urlsplit(wanted.upstream_url)
    same = (before.scheme, before.hostname, before.path) == (now.scheme, now.hostname, now.path)
    return kept.seeded and same and before.hostname in _LOOPBACK and before.port != now.port
