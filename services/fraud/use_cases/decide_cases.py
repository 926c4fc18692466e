"""What operators do with cases (S15): decide, assign, note; and what time does to them.

A decision is one transaction: the case and its step, the audit trail, the label that it teaches, `review.decided` for
billing, and for a block the blacklist's entries. Deciders of one case take turns on its row; one wins, and the others
are told `already_decided`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.fraud.domain.blocking import Blockable, PaidWith, entries_against
from services.fraud.domain.case import Case, Decision, Step, StepKind
from services.fraud.domain.label import Label
from services.fraud.service import Fraud
from services.fraud.store import case_pictures, cases, labels, many_entries
from services.fraud.store.many_entries import Addition
from services.fraud.use_cases.counting import count_labels
from services.fraud.use_cases.keep_blacklist import match_of, tell_added, tell_removed
from shared import audit, outbox
from shared.audit import Actor
from shared.db import Connection
from shared.errors import Invalid, NotFound
from shared.ids import new_uuid
from shared.telemetry import logger

DECIDED = "review.decided"

Keep = Callable[[Connection, Case], Awaitable[None]]
"""Saves the answer in the transaction of what it tells of."""


@dataclass(frozen=True, slots=True)
class Block:
    """How to block whoever made a payment: `kinds` None means all that are known of it, `expires_at` None the
    setting's days."""

    kinds: Sequence[Blockable] | None = None
    expires_at: datetime | None = None
    reason: str | None = None


async def approve(fraud: Fraud, actor: Actor, case_id: str, *, note: str | None, keep: Keep) -> Case:
    """Let the payment go on. Raises NotFound, AlreadyDecided."""
    return await _decide(fraud, actor, case_id, "approved", note=note, block=None, keep=keep)


async def reject(fraud: Fraud, actor: Actor, case_id: str, *, note: str | None, keep: Keep) -> Case:
    """End the payment. Raises NotFound, AlreadyDecided."""
    return await _decide(fraud, actor, case_id, "rejected", note=note, block=None, keep=keep)


async def block(fraud: Fraud, actor: Actor, case_id: str, block: Block, *, note: str | None, keep: Keep) -> Case:
    """Reject, and list whoever paid. Entries that exist stay, unless they would end sooner. Raises NotFound,
    AlreadyDecided, Invalid."""
    if block.expires_at is not None and block.expires_at <= fraud.clock.now():
        raise Invalid("/expires_at", "must lie in the future")
    return await _decide(fraud, actor, case_id, "rejected", note=note, block=block, keep=keep)


async def assign(fraud: Fraud, actor: Actor, case_id: str, assignee: str | None, *, keep: Keep) -> Case:
    """Hand an open case to an operator, or to nobody. Raises NotFound, AlreadyDecided."""
    async with fraud.database.transaction() as connection:
        case = (await _locked(connection, case_id)).assigned(assignee)
        await cases.save(connection, case)
        step = Step("assigned", actor.account_id, fraud.clock.now(), {"assignee": assignee})
        await _write_down(connection, actor, case, step)
        await keep(connection, case)
    return case


async def add_note(fraud: Fraud, actor: Actor, case_id: str, note: str, *, keep: Keep) -> Case:
    """Write a note, on a decided case too. Raises NotFound."""
    async with fraud.database.transaction() as connection:
        case = await _locked(connection, case_id)
        step = Step("noted", actor.account_id, fraud.clock.now(), {"note": note})
        await _write_down(connection, actor, case, step)
        await keep(connection, case)
    return case


async def mark_overdue(fraud: Fraud) -> bool:
    """Write down which deadlines have passed; whether there may be more."""
    async with fraud.database.transaction() as connection:
        late = await cases.mark_overdue(connection, at=fraud.clock.now())
    for case_id in late:
        logger.warning("case_overdue", case_id=case_id)
    return len(late) == cases.OVERDUE_PAGE


async def _decide(
    fraud: Fraud, actor: Actor, case_id: str, decision: Decision, *, note: str | None, block: Block | None, keep: Keep
) -> Case:
    async with fraud.database.transaction() as connection:
        at = fraud.clock.now()
        case = (await _locked(connection, case_id)).decided(decision, by=actor.account_id, at=at)
        await cases.save(connection, case)
        details: dict[str, object] = {} if note is None else {"note": note}
        if block is not None:
            details |= await _list_whoever_paid(fraud, actor, connection, case, block)
        kind: StepKind = "blocked" if block is not None else decision
        await _write_down(connection, actor, case, Step(kind, actor.account_id, at, details))
        await labels.learn(connection, Label(case.payment_id, decision == "rejected", "review", case.id, at))
        await count_labels(fraud.velocity, connection, [case.payment_id], now=at)
        await outbox.publish(connection, DECIDED, case.id, _facts(case), at=at)
        await keep(connection, case)
    logger.info("case_decided", case_id=case.id, payment_id=case.payment_id, decision=decision, by=actor.account_id)
    return case


async def _locked(connection: Connection, case_id: str) -> Case:
    case = await cases.lock(connection, case_id)
    if case is None:
        raise NotFound("review case")
    return case


async def _write_down(connection: Connection, actor: Actor, case: Case, step: Step) -> None:
    """The step, and the audit trail's line, which never repeats what an operator wrote."""
    await cases.add_step(connection, case.id, step)
    told = {"payment_id": case.payment_id, **{name: said for name, said in step.details.items() if name != "note"}}
    await audit.write(connection, actor, f"case.{step.kind}", case.id, told, at=step.at)


def _facts(case: Case) -> dict[str, object]:
    assert case.decided_at is not None, "it was decided just now"
    return {
        "case_id": case.id,
        "payment_id": case.payment_id,
        "kind": case.kind,
        "decision": case.status,
        "by": case.decided_by,
        "at": case.decided_at.isoformat(),
    }


async def _list_whoever_paid(
    fraud: Fraud, actor: Actor, connection: Connection, case: Case, block: Block
) -> dict[str, object]:
    at, settings = fraud.clock.now(), fraud.settings
    found = await case_pictures.paid_with(connection, case.payment_id, settings.seal_keys)
    drafts = entries_against(
        found or PaidWith(case.account_id),
        kinds=block.kinds,
        reason=block.reason,
        source=case.id,
        expires_at=block.expires_at or at + timedelta(days=settings.fraud_block_days),
    )
    real_now, key = fraud.clock.real_now(), settings.blind_index_key
    additions = [Addition(each, match_of(each.kind, each.value, key), new_uuid(at=real_now)) for each in drafts]
    if not additions:
        return {"entries": [], "kinds": []}
    await many_entries.take_turns(connection)
    ended = await many_entries.end_sooner_ones(connection, additions, by=actor.account_id, at=at)
    listed = await many_entries.add(connection, additions, by=actor.account_id, at=at, keys=settings.seal_keys)
    await tell_removed(connection, ended, at=at)
    await tell_added(connection, listed, at=at)
    return {"entries": [entry.id for entry in listed], "kinds": [draft.kind for draft in drafts]}
