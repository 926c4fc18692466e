"""The table `rule_snoozes`: for whom which rule does not fire, and until when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fraud.domain.rules.rule import Snooze

MOST_LIVE = 10_000
"""All are held in memory."""


class Sleeping:
    """The live snoozes, by whom they are for."""

    def __init__(self, snoozes: Iterable[Snooze]) -> None:
        self._by_entity: defaultdict[tuple[str, str], list[Snooze]] = defaultdict(list)
        for snooze in snoozes:
            self._by_entity[snooze.kind, snooze.value].append(snooze)

    def of(self, entities: Mapping[str, str]) -> tuple[Snooze, ...]:
        """Those of a payment's entities: `{"account": "acct_...", "card": ..., "device": ...}`."""
        if not self._by_entity:
            return ()
        return tuple(snooze for entity in entities.items() for snooze in self._by_entity.get(entity, ()))


@dataclass(frozen=True, slots=True)
class KeptSnooze:
    """A snooze with who asked for it and why. It holds until `snooze.expires_at`, or until `ended_at`."""

    snooze: Snooze
    reason: str | None
    created_at: datetime
    created_by: str


async def insert(connection: AsyncConnection, kept: KeptSnooze) -> None:
    """Write a snooze; one of the same rule and entity makes way."""
    entity = {"rule_id": kept.snooze.rule_id, "kind": kept.snooze.kind, "value": kept.snooze.value}
    await connection.execute(
        text(
            "UPDATE rule_snoozes SET ended_at = :at, ended_by = :by"
            " WHERE rule_id = :rule_id AND kind = :kind AND value = :value AND ended_at IS NULL"
        ),
        {**entity, "at": kept.created_at, "by": kept.created_by},
    )
    await connection.execute(
        text(
            "INSERT INTO rule_snoozes (id, rule_id, kind, value, reason, expires_at, created_at, created_by)"
            " VALUES (:id, :rule_id, :kind, :value, :reason, :expires_at, :at, :by)"
        ),
        {
            **entity,
            "id": kept.snooze.id,
            "reason": kept.reason,
            "expires_at": kept.snooze.expires_at,
            "at": kept.created_at,
            "by": kept.created_by,
        },
    )


async def end(connection: AsyncConnection, rule_id: str, snooze_id: str, *, by: str, at: datetime) -> bool:
    """End one early; False where there is none of that id that still holds."""
    ended = await connection.execute(
        text(
            "UPDATE rule_snoozes SET ended_at = :at, ended_by = :by"
            " WHERE id = :id AND rule_id = :rule_id AND ended_at IS NULL AND expires_at > :at"
        ),
        {"id": snooze_id, "rule_id": rule_id, "at": at, "by": by},
    )
    return ended.rowcount == 1


async def retire_expired(connection: AsyncConnection, *, at: datetime) -> int:
    """Mark those that have expired as ended then; how many."""
    result = await connection.execute(
        text(
            "UPDATE rule_snoozes SET ended_at = expires_at, ended_by = 'system'"
            " WHERE ended_at IS NULL AND expires_at <= :at"
        ),
        {"at": at},
    )
    return result.rowcount


async def count_live(connection: AsyncConnection) -> int:
    counted = await connection.scalar(text("SELECT count(*) FROM rule_snoozes WHERE ended_at IS NULL"))
    return int(counted or 0)


async def page(
    connection: AsyncConnection, rule_id: str, *, after: str | None, limit: int, at: datetime
) -> list[KeptSnooze]:
    """Those of a rule that hold, the newest first, by `rule_snoozes_of_rule`."""
    rows = await connection.execute(
        text(
            """
            SELECT id, rule_id, kind, value, expires_at, reason, created_at, created_by FROM rule_snoozes
            WHERE rule_id = :rule_id AND ended_at IS NULL AND expires_at > :at
              AND (CAST(:after AS text) IS NULL OR id < :after)
            ORDER BY id DESC LIMIT :limit
            """
        ),
        {"rule_id": rule_id, "at": at, "after": after, "limit": limit},
    )
    return [KeptSnooze(Snooze(*row[:5]), row.reason, row.created_at, row.created_by) for row in rows]


async def live(connection: AsyncConnection) -> Sleeping:
    """Those that nobody has ended; some may have expired. The newest `MOST_LIVE`, which adding sees to."""
    rows = await connection.execute(
        text(
            "SELECT id, rule_id, kind, value, expires_at FROM rule_snoozes WHERE ended_at IS NULL"
            " ORDER BY expires_at DESC LIMIT :most"
        ),
        {"most": MOST_LIVE},
    )
    return Sleeping(Snooze(*row) for row in rows)
