"""Opening cases, and closing those whose payment has ended (S15). Deciding is `decide_cases`."""

from collections.abc import Sequence
from datetime import datetime

from services.fraud.domain.assessment import Reason
from services.fraud.domain.case import ID_PREFIX, Case, CaseId, Kind, Step
from services.fraud.domain.signals import Signals
from services.fraud.store import cases
from shared.db import Connection
from shared.ids import new_id
from shared.telemetry import logger

SYSTEM = "system"


async def open_case(
    connection: Connection,
    *,
    payment_id: str,
    account_id: str,
    kind: Kind,
    score_hundredths: int,
    reasons: Sequence[Reason],
    signals: Signals,
    at: datetime,
    due_at: datetime,
) -> CaseId:
    """Open the payment's case in the transaction of its assessment; the one that it has, where it has one."""
    case = Case(
        id=CaseId(new_id(ID_PREFIX, at=at)),
        payment_id=payment_id,
        account_id=account_id,
        kind=kind,
        status="open",
        score_hundredths=score_hundredths,
        reasons=tuple(reasons),
        signals=signals,
        assignee=None,
        created_at=at,
        due_at=due_at,
    )
    if not await cases.insert(connection, case):
        known = await cases.find_by_payment(connection, payment_id)
        assert known is not None, "the twin was committed, or the insert would have waited"
        return known.id
    await cases.add_step(connection, case.id, Step("opened", SYSTEM, at, {"due_at": due_at}))
    logger.info("case_opened", case_id=case.id, payment_id=payment_id, kind=kind, score=score_hundredths / 100)
    return case.id


async def close_case(connection: Connection, payment_id: str, *, at: datetime, why: str) -> bool:
    """Close the open case of a payment that has ended (`why`: canceled, expired), in the caller's transaction; False
    where there is none, or it was decided."""
    case = await cases.lock_by_payment(connection, payment_id)
    if case is None or case.status != "open":
        return False
    await cases.save(connection, case.closed(by=SYSTEM, at=at))
    await cases.add_step(connection, case.id, Step("closed", SYSTEM, at, {"payment": why}))
    logger.info("case_closed", case_id=case.id, payment_id=payment_id, why=why)
    return True
