"""What operators see of rules: versions with their steps, what they hit and how often that was fraud."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.fraud.domain.rules.rule import Rule, Tally
from services.fraud.service import Fraud
from services.fraud.store import backtests, rule_hits, rules, snoozes
from services.fraud.store.backtests import KeptBacktest
from services.fraud.store.rule_hits import Hit
from services.fraud.store.rules import Step
from services.fraud.store.snoozes import KeptSnooze
from shared.errors import NotFound

HITS_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Picture:
    """A rule with all that there is to say before one decides on it. `tallies` are of `HITS_WITHIN`; `backtests` the
    newest of each version, by its number."""

    rule: Rule
    steps: Sequence[Step]
    tallies: Sequence[Tally]
    backtests: dict[int, KeptBacktest]


async def list_rules(fraud: Fraud, *, after: str | None, limit: int) -> Sequence[Rule]:
    """Up to `limit`, the newest first."""
    async with fraud.database.transaction() as connection:
        return await rules.page(connection, after=after, limit=limit)


async def look_at_rule(fraud: Fraud, rule_id: str) -> Picture:
    """Raises NotFound."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        rule = await rules.find(connection, rule_id)
        if rule is None:
            raise NotFound("rule")
        return Picture(
            rule,
            await rules.steps(connection, rule_id),
            await rule_hits.tallies(connection, rule_id, since=now - HITS_WITHIN, now=now),
            await backtests.latest(connection, rule_id),
        )


async def require_rule(fraud: Fraud, rule_id: str) -> None:
    """Raises NotFound."""
    async with fraud.database.transaction() as connection:
        if await rules.find(connection, rule_id) is None:
            raise NotFound("rule")


async def list_hits(fraud: Fraud, rule_id: str, *, after: str | None, limit: int) -> Sequence[Hit]:
    async with fraud.database.transaction() as connection:
        return await rule_hits.page(connection, rule_id, after=after, limit=limit, now=fraud.clock.now())


async def list_snoozes(fraud: Fraud, rule_id: str, *, after: str | None, limit: int) -> Sequence[KeptSnooze]:
    """Those that hold."""
    async with fraud.database.transaction() as connection:
        return await snoozes.page(connection, rule_id, after=after, limit=limit, at=fraud.clock.now())


async def list_backtests(fraud: Fraud, rule_id: str, *, after: str | None, limit: int) -> Sequence[KeptBacktest]:
    async with fraud.database.transaction() as connection:
        return await backtests.page(connection, rule_id, after=after, limit=limit)
