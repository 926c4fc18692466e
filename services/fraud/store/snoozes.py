"""The table `rule_snoozes`: for whom which rule does not fire, and until when."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

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
