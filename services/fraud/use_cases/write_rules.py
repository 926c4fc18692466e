"""What operators do with rules: write versions, move them on, and let a rule sleep for somebody (U9, U15)."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from services.fraud.domain.blacklist import Kind, normal_value
from services.fraud.domain.rules.language import RuleFault
from services.fraud.domain.rules.rule import (
    CODE,
    ID_PREFIX,
    LONGEST_CODE,
    SNOOZE_PREFIX,
    Draft,
    Rule,
    RuleId,
    Snooze,
    SnoozeKind,
    State,
    Version,
)
from services.fraud.domain.rules.trial import try_out
from services.fraud.service import Fraud
from services.fraud.store import rules, snoozes
from services.fraud.store.snoozes import MOST_LIVE, KeptSnooze
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import DomainError, Invalid, NotFound
from shared.ids import new_id
from shared.telemetry import logger

LONGEST_SNOOZE = timedelta(days=365)

T = TypeVar("T")
Finish = Callable[[Connection, Rule], Awaitable[T]]
"""Makes and keeps the caller's answer in the transaction of the change."""

_BLACKLIST_KINDS: dict[SnoozeKind, Kind] = {"account": "account", "card": "card", "device": "device"}


def checked(expression: str) -> frozenset[str]:
    """The signals that an expression names. Raises Invalid, which says where it is at fault and why."""
    try:
        return try_out(expression)
    except RuleFault as fault:
        raise Invalid("/expression", str(fault)) from fault


async def create_rule(fraud: Fraud, code: str, draft: Draft, actor: Actor, finish: Finish[T]) -> T:
    """A rule whose first version is a draft. Raises Invalid, and `name_taken` where there is one of this code."""
    if not CODE.fullmatch(code):
        raise Invalid("/code", f"must be 3 to {LONGEST_CODE} of a-z, 0-9 and _, beginning with a letter")
    checked(draft.expression)
    async with fraud.database.transaction() as connection:
        rule = await draft_rule(connection, fraud, code, draft, actor)
        finished = await finish(connection, rule)
    logger.info("rule_created", rule_id=rule.id, code=code, by=actor.account_id)
    return finished


async def draft_rule(connection: Connection, fraud: Fraud, code: str, draft: Draft, actor: Actor) -> Rule:
    """The same in the caller's transaction, of an expression that was checked."""
    now = fraud.clock.now()
    rule_id = RuleId(new_id(ID_PREFIX, at=fraud.clock.real_now()))
    first = _first_version(rule_id, code, draft, by=actor.account_id, at=now)
    if not await rules.insert_rules(connection, {code: rule_id}, at=now):
        raise DomainError("name_taken", f"There is a rule {code} already: write a version of it.")
    await rules.insert_versions(connection, [first])
    await _audit(connection, actor, "rule.created", first, at=now)
    return Rule(rule_id, code, now, (first,))


async def add_version(fraud: Fraud, rule_id: str, draft: Draft, actor: Actor, finish: Finish[T]) -> T:
    """Another version, as a draft. Raises Invalid, NotFound."""
    checked(draft.expression)
    async with fraud.database.transaction() as connection:
        await draft_version(connection, fraud, rule_id, draft, actor)
        return await finish(connection, await _read(connection, rule_id))


async def draft_version(connection: Connection, fraud: Fraud, rule_id: str, draft: Draft, actor: Actor) -> None:
    """The same in the caller's transaction, of an expression that was checked. Raises NotFound."""
    now = fraud.clock.now()
    version = (await _locked(connection, rule_id)).drafted(draft, by=actor.account_id, at=now)
    await rules.insert_versions(connection, [version])
    await _audit(connection, actor, "rule.version_added", version, at=now)


async def move_version(fraud: Fraud, rule_id: str, number: int, state: State, *, actor: Actor, finish: Finish[T]) -> T:
    """Into shadow, live or retired; whichever version of the rule stood there retires. What judges is another set
    within 1 s. Raises NotFound, WrongState, SecondOperatorRequired."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        rule = await _locked(connection, rule_id)
        for version in rule.moved(number, state, by=actor.account_id):
            await rules.save_state(connection, version, by=actor.account_id, at=now)
            await _audit(connection, actor, f"rule.{version.state}", version, at=now)
        await rules.note_change(connection, rule_id)
        finished = await finish(connection, await _read(connection, rule_id))
    logger.info("rule_moved", rule_id=rule_id, version=number, state=state, by=actor.account_id)
    await fraud.announce()
    return finished


async def snooze_rule(
    fraud: Fraud,
    rule_id: str,
    *,
    kind: SnoozeKind,
    value: str,
    expires_at: datetime,
    reason: str | None,
    actor: Actor,
    finish: Callable[[Connection, KeptSnooze], Awaitable[T]],
) -> T:
    """Let a rule not fire for somebody until an instant; an earlier snooze of the same gives way. Raises Invalid,
    NotFound, `too_many_snoozes`."""
    now = fraud.clock.now()
    if not now < expires_at <= now + LONGEST_SNOOZE:
        raise Invalid("/expires_at", f"must lie in the future, at most {LONGEST_SNOOZE.days} days ahead")
    normal = normal_value(_BLACKLIST_KINDS[kind], value)
    snooze_id = new_id(SNOOZE_PREFIX, at=fraud.clock.real_now())
    async with fraud.database.transaction() as connection:
        rule = await _locked(connection, rule_id)
        if await snoozes.count_live(connection) >= MOST_LIVE:
            raise DomainError("too_many_snoozes", f"There are {MOST_LIVE} snoozes: mend the rules instead.")
        kept = KeptSnooze(Snooze(snooze_id, rule.id, kind, normal, expires_at), reason, now, actor.account_id)
        await snoozes.insert(connection, kept)
        details = {"snooze_id": snooze_id, "kind": kind, "value": normal, "expires_at": expires_at}
        await audit.write(connection, actor, "rule.snoozed", rule_id, details, at=now)
        await rules.note_change(connection, rule_id)
        finished = await finish(connection, kept)
    await fraud.announce()
    return finished


async def end_snooze(fraud: Fraud, rule_id: str, snooze_id: str, actor: Actor) -> None:
    """Have the rule fire for them again. Raises NotFound."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        if not await snoozes.end(connection, rule_id, snooze_id, by=actor.account_id, at=now):
            raise NotFound("snooze")
        await audit.write(connection, actor, "rule.snooze_ended", rule_id, {"snooze_id": snooze_id}, at=now)
        await rules.note_change(connection, rule_id)
    await fraud.announce()


async def tend_snoozes(fraud: Fraud) -> bool:
    """Mark those that have expired as ended; a rule fires again by itself at that instant."""
    async with fraud.database.transaction() as connection:
        await snoozes.retire_expired(connection, at=fraud.clock.now())
    return False


async def _locked(connection: Connection, rule_id: str) -> Rule:
    rule = await rules.lock(connection, rule_id)
    if rule is None:
        raise NotFound("rule")
    return rule


async def _read(connection: Connection, rule_id: str) -> Rule:
    rule = await rules.find(connection, rule_id)
    assert rule is not None, "it is locked"
    return rule


def _first_version(rule_id: RuleId, code: str, draft: Draft, *, by: str, at: datetime) -> Version:
    return Version(rule_id, 1, code, draft.expression, draft.weight_bp, draft.detail, "draft", by, at)


async def _audit(connection: Connection, actor: Actor, action: str, version: Version, *, at: datetime) -> None:
    details = {"code": version.code, "version": version.number, "weight_bp": version.weight_bp}
    await audit.write(connection, actor, action, version.rule_id, details, at=at)
