"""The rules that judge now, from this process's memory."""

from collections.abc import Mapping

from services.fraud.domain.rules.rule import Snooze
from services.fraud.domain.rules.ruleset import RuleSet
from services.fraud.service import Fraud


async def current_ruleset(fraud: Fraud) -> RuleSet:
    """The live and shadow rules as they were at most 1 s ago. Waits only where they must be read."""
    ruleset, _ = await fraud.rules.find()
    return ruleset


async def current_snoozes(fraud: Fraud, entities: Mapping[str, str]) -> tuple[Snooze, ...]:
    """The snoozes of a payment's entities (`account`, `card`, `device`, those that are known): for `RuleSet.judge`."""
    _, sleeping = await fraud.rules.find()
    return sleeping.of(entities)
