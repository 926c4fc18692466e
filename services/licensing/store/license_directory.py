"""Licenses by their keys, remembered by this process as long as the change feed is heard: what validation asks.

Whoever changes a license, its keys or its activations notes the change `LICENSE_CHANGED` with the license's id in the
same transaction (`shared.changes.note`); within 1 s no process remembers what was.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import text

from services.licensing.domain.activation import Activation
from services.licensing.domain.license import License
from services.licensing.store import activations
from services.licensing.store.activations import LICENSE_CHANGED
from services.licensing.store.licenses import COLUMNS, license_of
from shared.change_feed import ChangeFeed
from shared.db import Database
from shared.record_cache import RecordCache


@dataclass(frozen=True, slots=True)
class Known:
    """What one key opens. `valid_until` (real time) ends a replaced key; `seats` are those that nobody has ended, their
    leases may be over."""

    license: License
    valid_until: datetime | None
    seats: tuple[Activation, ...]

    def seat_of(self, server_id: str | None) -> Activation | None:
        """The server's."""
        return next((seat for seat in self.seats if seat.server_id == server_id), None)

    def active(self, now: datetime) -> int:
        """How many seats are taken."""
        return sum(seat.is_active(now) for seat in self.seats)


class LicenseDirectory:
    """One a process."""

    def __init__(self, feed: ChangeFeed, database: Database, *, most: int) -> None:
        self._records = RecordCache[Known](
            feed, load=partial(load, database), refs={LICENSE_CHANGED: lambda known: known.license.id}, most=most
        )

    async def find(self, key_hash: bytes) -> Known | None:
        """What the key opens, as it was at most 1 s ago. Raises `overloaded`, and what PostgreSQL raises."""
        return await self._records.find(key_hash)


async def load(database: Database, key_hashes: Sequence[bytes]) -> Mapping[bytes, Known]:
    """Those of the keys that there are, with their licenses' seats. Served by the primary keys and
    `activations_one_of_server`; locks nothing."""
    async with database.transaction() as connection:
        rows = await connection.execute(
            text(
                f"SELECT {COLUMNS}, license_keys.key_hash, license_keys.valid_until FROM license_keys"  # noqa: S608
                " JOIN licenses ON licenses.id = license_keys.license_id WHERE license_keys.key_hash = ANY(:hashes)"
            ),
            {"hashes": list(key_hashes)},
        )
        found = {row.key_hash: (license_of(row), row.valid_until) for row in rows}
        seats: defaultdict[str, list[Activation]] = defaultdict(list)
        for seat in await activations.open_of(connection, {license.id: license for license, _ in found.values()}):
            seats[seat.license_id].append(seat)
    return {
        key_hash: Known(license, valid_until, tuple(seats[license.id]))
        for key_hash, (license, valid_until) in found.items()
    }
