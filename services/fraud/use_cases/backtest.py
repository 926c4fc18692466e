"""A backtest: what a version would have done to the payments of the last days. It changes nothing, and is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

from services.fraud.domain.rules.backtest import Backtest, Past, Period, report_of
from services.fraud.domain.rules.rule import Rule, Version
from services.fraud.service import Fraud
from services.fraud.store import backtests, rules, snapshots
from services.fraud.store.backtests import KeptBacktest
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import NotFound
from shared.ids import new_id
from shared.telemetry import logger

PREFIX = "bkt"
LONGEST_DAYS = 365
MOST_PAYMENTS = 50_000
"""Of a backtest by the API: some seconds."""
_AT_ONCE = 20
"""Payments judged before others have their turn: about a millisecond."""

T = TypeVar("T")
Finish = Callable[[Connection, KeptBacktest], Awaitable[T]]


async def backtest_rule(
    fraud: Fraud,
    rule_id: str,
    *,
    number: int | None,
    days: int,
    actor: Actor,
    finish: Finish[T],
    most: int = MOST_PAYMENTS,
) -> T:
    """Try a version (None: the newest) on up to `most` payments of the last days, and keep the report. Raises
    NotFound."""
    rule, live = await _rules(fraud, rule_id)
    candidate = rule.newest if number is None else rule.version(number)
    report = await _report(fraud, candidate, live, days=days, most=most)
    now = fraud.clock.now()
    kept = KeptBacktest(
        new_id(PREFIX, at=fraud.clock.real_now()), rule_id, candidate.number, report, now, actor.account_id
    )
    async with fraud.database.transaction() as connection:
        await backtests.insert(connection, kept)
        details = {"version": candidate.number, "days": days, "harmful": report["harmful"]}
        await audit.write(connection, actor, "rule.backtested", rule_id, details, at=now)
        finished = await finish(connection, kept)
    logger.info("rule_backtested", rule_id=rule_id, version=candidate.number, harmful=report["harmful"])
    return finished


async def find_rule(fraud: Fraud, name: str) -> Rule:
    """A rule by its code or its id. Raises NotFound."""
    async with fraud.database.transaction() as connection:
        found = await rules.find_by_code(connection, name) or await rules.find(connection, name)
    if found is None:
        raise NotFound("rule")
    return found


async def _rules(fraud: Fraud, rule_id: str) -> tuple[Rule, list[Version]]:
    async with fraud.database.transaction() as connection:
        rule = await rules.find(connection, rule_id)
        if rule is None:
            raise NotFound("rule")
        return rule, await rules.judging(connection)


async def _report(fraud: Fraud, candidate: Version, live: list[Version], *, days: int, most: int) -> dict[str, object]:
    until = fraud.clock.now()
    since, looked, skipped = until - timedelta(days=days), 0, 0
    trial = Backtest(candidate, live, fraud.settings.score_limits)
    async for page in snapshots.pages(fraud.database, since=since, until=until, most=most):
        await _look(trial, page.pasts)
        skipped += page.skipped
        looked += len(page.pasts) + page.skipped
    return report_of(trial, Period(days, since, until, skipped, is_cut=looked >= most))


async def _look(trial: Backtest, pasts: list[Past]) -> None:
    for first in range(0, len(pasts), _AT_ONCE):
        for past in pasts[first : first + _AT_ONCE]:
            trial.look(past)
        await asyncio.sleep(0)
