"""Routes, as operators make and change them. A change holds in every process within 1 s."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.gateway.domain.price import Price
from services.gateway.domain.route import (
    Format,
    Route,
    Status,
    check_upstream_headers,
    check_upstream_url,
    is_route_name,
)
from services.gateway.service import Gateway
from services.gateway.store import routes
from services.gateway.store.connection import Connection
from services.gateway.store.routes import KeptRoute
from services.gateway.use_cases.changing import Answer, Keep, changing
from services.gateway.use_cases.paid_call.private_upstreams import private_allowed
from shared import audit, changes
from shared.errors import Invalid, NotFound
from shared.ids import new_id

ROUTE_PREFIX = "rt"
DEFAULT_MAX_HOLD = 1_000_000
DEFAULT_TIMEOUT_MS = 120_000


@dataclass(frozen=True, slots=True)
class PriceParts:
    """Millicredits."""

    per_call: int = 0
    per_1000_tokens: int = 0
    per_unit: int = 0
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class RouteWish:
    """A new route, not checked yet."""

    name: str
    upstream_url: str
    price: PriceParts
    format: Format = "auto"
    upstream_headers: Mapping[str, str] | None = None
    max_hold: int = DEFAULT_MAX_HOLD
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    status: Status = "live"
    charge_errors: bool = False


async def list_routes(gateway: Gateway, *, after: str | None, limit: int) -> list[KeptRoute] | None:
    """Newest first, one more than `limit`; None where `after` is no route."""
    seal_keys = gateway.settings.seal_keys
    async with gateway.database.transaction() as connection:
        if after is not None and not await routes.was_made(connection, after):
            return None
        return await routes.page(connection, seal_keys, after=after, limit=limit)


async def read_route(gateway: Gateway, route_id: str) -> KeptRoute:
    """Raises NotFound."""
    async with gateway.database.transaction() as connection:
        kept = await routes.by_id(connection, gateway.settings.seal_keys, route_id)
    if kept is None:
        raise NotFound("route")
    return kept


async def create_route(
    gateway: Gateway, actor: audit.Actor, wish: RouteWish, *, keep: Keep[KeptRoute, Answer]
) -> Answer:
    """A route with its first price version. Raises Invalid, NameTaken."""
    route = checked_route(gateway, wish)
    async with changing(gateway) as connection:
        return await keep(connection, await insert_route(gateway, connection, actor, route, seeded=False))


async def insert_route(
    gateway: Gateway, connection: Connection, actor: audit.Actor, route: Route, *, seeded: bool
) -> KeptRoute:
    at = gateway.clock.now()
    await routes.insert(connection, gateway.settings.seal_keys, route, seeded=seeded, at=at)
    await changes.note(connection, "route", route.id)
    await audit.write(connection, actor, "route.created", route.id, {"name": route.name}, at=at)
    return KeptRoute(route, seeded, at, at)


async def change_route(gateway: Gateway, actor: audit.Actor, route_id: str, change: Mapping[str, Any]) -> KeptRoute:
    """Set what `change` names: RouteWish's fields, its price whole. Another price is a new version; a call keeps the
    one that it began with. Raises NotFound, Invalid, NameTaken."""
    at = gateway.clock.now()
    async with changing(gateway) as connection:
        kept = await routes.by_id(connection, gateway.settings.seal_keys, route_id, lock=True)
        if kept is None:
            raise NotFound("route")
        route = _changed(gateway, kept.route, change)
        if route == kept.route:
            return kept
        new_price = route.price.version != kept.route.price.version
        await routes.update(connection, gateway.settings.seal_keys, route, new_price=new_price, at=at)
        await changes.note(connection, "route", route_id)
        details = {"changed": sorted(change), "price_version": route.price.version}
        await audit.write(connection, actor, "route.changed", route_id, details, at=at)
    return KeptRoute(route, kept.seeded, kept.created_at, at)


async def delete_route(gateway: Gateway, actor: audit.Actor, route_id: str) -> None:
    """Calls find it no more; its name is free. Raises NotFound."""
    at = gateway.clock.now()
    async with changing(gateway) as connection:
        if not await routes.delete(connection, route_id, at=at):
            raise NotFound("route")
        await changes.note(connection, "route", route_id)
        await audit.write(connection, actor, "route.deleted", route_id, at=at)


def checked_route(gateway: Gateway, wish: RouteWish) -> Route:
    """A new route of that wish, with an id. Raises Invalid."""
    _check_name(wish.name)
    return Route(
        id=new_id(ROUTE_PREFIX, at=gateway.clock.real_now()),
        name=wish.name,
        upstream_url=_checked_url(gateway, wish.upstream_url),
        upstream_headers=_header_bytes(wish.upstream_headers),
        format=wish.format,
        price=_price(1, wish.price),
        max_hold=wish.max_hold,
        timeout_ms=wish.timeout_ms,
        status=wish.status,
        charge_errors=wish.charge_errors,
    )


def _changed(gateway: Gateway, route: Route, change: Mapping[str, Any]) -> Route:
    plain = {name: value for name, value in change.items() if name in _PLAIN_FIELDS}
    if "name" in change:
        _check_name(change["name"])
        plain["name"] = change["name"]
    if "upstream_url" in change:
        plain["upstream_url"] = _checked_url(gateway, change["upstream_url"])
    if "upstream_headers" in change:
        plain["upstream_headers"] = _header_bytes(change["upstream_headers"])
    if "price" in change:
        price = _price(route.price.version, change["price"])
        plain["price"] = price if price == route.price else replace(price, version=route.price.version + 1)
    return replace(route, **plain)


_PLAIN_FIELDS = frozenset({"format", "max_hold", "timeout_ms", "status", "charge_errors"})


def _check_name(name: str) -> None:
    if not is_route_name(name):
        raise Invalid("/name", "has 1 to 64 lower-case letters, digits, - and _, and begins and ends without - and _")


def _checked_url(gateway: Gateway, url: str) -> str:
    hosts, networks = private_allowed(gateway.settings)
    allowed = gateway.settings.environment != "production"
    return check_upstream_url(url, private_allowed=allowed, listed=hosts, networks=networks)


def _header_bytes(headers: Mapping[str, str] | None) -> tuple[tuple[bytes, bytes], ...]:
    checked = check_upstream_headers(dict(headers or {}))
    return tuple((name.lower().encode("ascii"), value.strip().encode("ascii")) for name, value in checked.items())


def _price(version: int, parts: PriceParts) -> Price:
    if not (parts.per_call or parts.per_1000_tokens or parts.per_unit or parts.minimum):
        raise Invalid("/price", "sets no part above 0")
    return Price(version, parts.per_call, parts.per_1000_tokens, parts.per_unit, parts.minimum)
