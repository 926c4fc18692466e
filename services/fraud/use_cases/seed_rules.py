"""The rules that come with the platform, made where they lack. One that an operator changed or retired stays so."""

from datetime import datetime

from services.fraud.domain.rules.rule import ID_PREFIX, Draft, RuleId, Version
from services.fraud.domain.rules.shipped import SHIPPED, ShippedRule
from services.fraud.store import rules
from shared.clock import Clock
from shared.db import Database
from shared.ids import new_id
from shared.telemetry import logger

SYSTEM = "system"


async def seed_rules(database: Database, clock: Clock) -> None:
    """At each start of each process. Safe at once: of two that make one rule, one finds it there."""
    async with database.transaction() as connection:
        known = await rules.codes(connection)
        lacking = {each.code: each for each in SHIPPED if each.code not in known}
        if not lacking:
            return
        made = {code: RuleId(new_id(ID_PREFIX, at=clock.real_now())) for code in lacking}
        ours = await rules.insert_rules(connection, made, at=clock.now())
        versions = [_live(made[code], lacking[code], clock.now()) for code in sorted(ours)]
        if versions:
            await rules.insert_versions(connection, versions)
            await rules.note_change(connection, versions[0].rule_id)
    logger.info("rules_seeded", codes=sorted(ours))


def _live(rule_id: RuleId, shipped: ShippedRule, at: datetime) -> Version:
    draft = Draft(shipped.expression, shipped.weight_bp, shipped.detail)
    return Version(
        rule_id=rule_id,
        number=1,
        code=shipped.code,
        expression=draft.expression,
        weight_bp=draft.weight_bp,
        detail=draft.detail,
        state="live",
        author=SYSTEM,
        created_at=at,
    )
