"""The table `networks`: replaced as a whole, read by `backgrounds.read`."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import asyncpg

from services.fraud.domain.networks_csv import Located
from shared.db import Database

AT_ONCE = 10_000
_COLUMNS = ("network", "country", "latitude", "longitude", "radius_km", "kind")


class ListedTwice(Exception):
    """A network stands twice in what was to be imported; nothing changed."""


async def replace_all(database: Database, located: Iterable[Located]) -> int:
    """Put these in place of all that there are, in one transaction; how many. Judgements see the old ones until it
    commits. Takes a batch's memory. Raises ListedTwice, and what `located` raises."""
    pool = await database.asyncpg_pool()
    try:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL statement_timeout = 0")
            await connection.execute("DELETE FROM networks")
            rows, count = (_row(each) for each in located), 0
            while batch := list(islice(rows, AT_ONCE)):
                await connection.copy_records_to_table("networks", records=batch, columns=_COLUMNS)
                count += len(batch)
            return count
    except asyncpg.UniqueViolationError as error:
        raise ListedTwice from error


def _row(each: Located) -> tuple[Any, ...]:
    return (each.addresses, each.network.country, *_place(each), each.network.kind)


def _place(each: Located) -> Iterator[float | int | None]:
    place = each.network.place
    yield from (None, None, None) if place is None else (place.latitude, place.longitude, place.radius_km)
