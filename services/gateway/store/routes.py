"""Routes and their price versions. `route` rows are changed under their own lock; prices are only added."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Row, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.gateway.domain.price import Price
from services.gateway.domain.route import Route
from shared.crypto import seal, unseal
from shared.db import Database
from shared.errors import DomainError

_SELECT = """
    SELECT r.id, r.name, r.upstream_url, r.headers_sealed, r.format, r.price_version, r.max_hold, r.timeout_ms,
           r.status, r.charge_errors, r.seeded, r.created_at, r.updated_at,
           p.per_call, p.per_1000_tokens, p.per_unit, p.minimum
    FROM routes AS r JOIN route_prices AS p ON p.route_id = r.id AND p.version = r.price_version
    WHERE r.deleted_at IS NULL
"""


class NameTaken(DomainError):
    """Another route has the name."""

    def __init__(self) -> None:
        super().__init__("name_taken", "There is a route of that name already.")


@dataclass(frozen=True, slots=True)
class KeptRoute:
    """A route with what its operator sees beside it. `seeded` routes were made by `seed`."""

    route: Route
    seeded: bool
    created_at: datetime
    updated_at: datetime


async def live_routes(connection: AsyncConnection, keys: Mapping[int, bytes]) -> list[KeptRoute]:
    """Every route that is not deleted, retired ones too, by id."""
    rows = await connection.execute(text(_SELECT + " ORDER BY r.id"))
    return [_kept(row, keys) for row in rows]


async def page(
    connection: AsyncConnection, keys: Mapping[int, bytes], *, after: str | None, limit: int
) -> list[KeptRoute]:
    """Newest first, past `after`; one more than `limit`, to tell whether there are more."""
    rows = await connection.execute(
        text(_SELECT + " AND (CAST(:after AS text) IS NULL OR r.id < :after) ORDER BY r.id DESC LIMIT :limit"),
        {"after": after, "limit": limit + 1},
    )
    return [_kept(row, keys) for row in rows]


async def by_id(
    connection: AsyncConnection, keys: Mapping[int, bytes], route_id: str, *, lock: bool = False
) -> KeptRoute | None:
    """One route; with `lock` nobody else changes it until the transaction ends."""
    return await _one(connection, keys, " AND r.id = :value", route_id, lock=lock)


async def by_name(
    connection: AsyncConnection, keys: Mapping[int, bytes], name: str, *, lock: bool = False
) -> KeptRoute | None:
    """The route that has the name now."""
    return await _one(connection, keys, " AND r.name = :value", name, lock=lock)


async def was_made(connection: AsyncConnection, route_id: str) -> bool:
    """Whether the id was ever a route's, deleted ones too: a cursor stays good."""
    found = await connection.scalar(text("SELECT EXISTS (SELECT 1 FROM routes WHERE id = :id)"), {"id": route_id})
    return bool(found)


async def existed(connection: AsyncConnection, name: str) -> bool:
    """Whether a seeded route ever had the name: one that an operator deleted is not made again."""
    found = await connection.scalar(
        text("SELECT EXISTS (SELECT 1 FROM routes WHERE name = :name AND seeded)"), {"name": name}
    )
    return bool(found)


async def _one(
    connection: AsyncConnection, keys: Mapping[int, bytes], condition: str, value: str, *, lock: bool
) -> KeptRoute | None:
    suffix = " FOR UPDATE OF r" if lock else ""
    rows = await connection.execute(text(_SELECT + condition + suffix), {"value": value})
    row = rows.first()
    return _kept(row, keys) if row is not None else None


async def insert(
    connection: AsyncConnection, keys: Mapping[int, bytes], route: Route, *, seeded: bool, at: datetime
) -> None:
    """A new route with its first price. Raises NameTaken."""
    try:
        async with connection.begin_nested():
            await connection.execute(text(_INSERT), {**_columns(route, keys), "seeded": seeded, "at": at})
    except IntegrityError as error:
        raise _translated(error) from error
    await _insert_price(connection, route, at)


async def update(
    connection: AsyncConnection, keys: Mapping[int, bytes], route: Route, *, new_price: bool, at: datetime
) -> None:
    """The row as `route` says; with `new_price` its price is a version of its own. Raises NameTaken."""
    if new_price:
        await _insert_price(connection, route, at)
    try:
        async with connection.begin_nested():
            await connection.execute(text(_UPDATE), {**_columns(route, keys), "at": at})
    except IntegrityError as error:
        raise _translated(error) from error


async def delete(connection: AsyncConnection, route_id: str, *, at: datetime) -> bool:
    """Whether there was one."""
    done = await connection.execute(
        text("UPDATE routes SET deleted_at = :at, updated_at = :at WHERE id = :id AND deleted_at IS NULL"),
        {"id": route_id, "at": at},
    )
    return bool(done.rowcount)


_INSERT = """
    INSERT INTO routes (id, name, upstream_url, headers_sealed, format, price_version, max_hold, timeout_ms, status,
                        charge_errors, seeded, created_at, updated_at)
    VALUES (:id, :name, :upstream_url, :headers_sealed, :format, :price_version, :max_hold, :timeout_ms, :status,
            :charge_errors, :seeded, :at, :at)
"""
_UPDATE = """
    UPDATE routes
    SET name = :name, upstream_url = :upstream_url, headers_sealed = :headers_sealed, format = :format,
        price_version = :price_version, max_hold = :max_hold, timeout_ms = :timeout_ms, status = :status,
        charge_errors = :charge_errors, updated_at = :at
    WHERE id = :id
"""


async def _insert_price(connection: AsyncConnection, route: Route, at: datetime) -> None:
    price = route.price
    await connection.execute(
        text(
            "INSERT INTO route_prices (route_id, version, per_call, per_1000_tokens, per_unit, minimum, created_at)"
            " VALUES (:id, :version, :per_call, :per_1000_tokens, :per_unit, :minimum, :at)"
        ),
        {
            "id": route.id,
            "version": price.version,
            "per_call": price.per_call,
            "per_1000_tokens": price.per_1000_tokens,
            "per_unit": price.per_unit,
            "minimum": price.minimum,
            "at": at,
        },
    )


def _columns(route: Route, keys: Mapping[int, bytes]) -> dict[str, Any]:
    return {
        "id": route.id,
        "name": route.name,
        "upstream_url": route.upstream_url,
        "headers_sealed": _sealed(route, keys),
        "format": route.format,
        "price_version": route.price.version,
        "max_hold": route.max_hold,
        "timeout_ms": route.timeout_ms,
        "status": route.status,
        "charge_errors": route.charge_errors,
    }


def _sealed(route: Route, keys: Mapping[int, bytes]) -> bytes | None:
    if not route.upstream_headers:
        return None
    headers = [[name.decode("ascii"), value.decode("ascii")] for name, value in route.upstream_headers]
    return seal(orjson.dumps(headers), keys, _context(route.id))


def _kept(row: Row[Any], keys: Mapping[int, bytes]) -> KeptRoute:
    headers: list[list[str]] = []
    if row.headers_sealed is not None:
        headers = orjson.loads(unseal(row.headers_sealed, keys, _context(row.id)))
    price = Price(row.price_version, row.per_call, row.per_1000_tokens, row.per_unit, row.minimum)
    route = Route(
        id=row.id,
        name=row.name,
        upstream_url=row.upstream_url,
        upstream_headers=tuple((name.encode("ascii"), value.encode("ascii")) for name, value in headers),
        format=row.format,
        price=price,
        max_hold=row.max_hold,
        timeout_ms=row.timeout_ms,
        status=row.status,
        charge_errors=row.charge_errors,
    )
    return KeptRoute(route, row.seeded, row.created_at, row.updated_at)


def _context(route_id: str) -> str:
    return f"gateway.routes.headers:{route_id}"


def _translated(error: IntegrityError) -> Exception:
    return NameTaken() if "routes_by_name" in str(error.orig) else error


async def load_all(database: Database, keys: Mapping[int, bytes]) -> list[Route]:
    """Every route that is not deleted, for a process's memory."""
    async with database.transaction() as connection:
        return [kept.route for kept in await live_routes(connection, keys)]
