"""Listing cases, and the whole picture of one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.fraud.domain.blocking import BY_DEFAULT
from services.fraud.domain.case import Case, Kind, Status
from services.fraud.domain.case_picture import CaseCount, JudgedPayment, Link, Picture
from services.fraud.service import Fraud
from services.fraud.store import case_pictures, cases, labels
from shared.db import Connection
from shared.errors import DomainError, NotFound

SHOWN = 20
"""Other payments and other cases of the account."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases a list is of; None does not narrow it."""

    status: Status | None = None
    kind: Kind | None = None
    account_id: str | None = None
    assignee: str | None = None
    only_unassigned: bool = False
    only_overdue: bool = False


async def list_cases(fraud: Fraud, wanted: Wanted, *, after: str | None, limit: int) -> Sequence[Case]:
    """Up to `limit` cases, newest first. Raises `invalid_cursor`."""
    async with fraud.database.transaction() as connection:
        if after is not None and await cases.find(connection, after) is None:
            raise DomainError("invalid_cursor", "There is no case with the id that `after` names.")
        return await cases.page(
            connection,
            status=wanted.status,
            kind=wanted.kind,
            account_id=wanted.account_id,
            assignee=wanted.assignee,
            unassigned=wanted.only_unassigned,
            due_by=fraud.clock.now() if wanted.only_overdue else None,
            after=after,
            limit=limit,
        )


async def look_at(fraud: Fraud, case_id: str) -> Picture:
    """Everything about a case, as it is now. Raises NotFound."""
    async with fraud.database.transaction() as connection:
        case = await cases.find(connection, case_id)
        if case is None:
            raise NotFound("review case")
        return await _picture(fraud, connection, case)


async def _picture(fraud: Fraud, connection: Connection, case: Case) -> Picture:
    paid_with = await case_pictures.paid_with(connection, case.payment_id, fraud.settings.seal_keys)
    of_account = await cases.page(connection, account_id=case.account_id, after=None, limit=SHOWN + 1)
    return Picture(
        case=case,
        payment_status=await case_pictures.outcome(connection, case.payment_id),
        record=await case_pictures.record(connection, case.payment_id),
        blockable=[kind for kind in BY_DEFAULT if paid_with is not None and paid_with.value(kind) is not None],
        labels=await labels.of_payment(connection, case.payment_id),
        payments=await _other_payments(fraud, connection, case),
        cases=[other for other in of_account if other.id != case.id][:SHOWN],
        links=await _links(connection, case),
        history=await cases.steps(connection, case.id),
    )


async def _other_payments(fraud: Fraud, connection: Connection, case: Case) -> list[JudgedPayment]:
    found = await case_pictures.other_payments(connection, case.account_id, but=case.payment_id, limit=SHOWN)
    known = await labels.verdicts(connection, [each.payment_id for each in found], known_by=fraud.clock.now())
    return [replace(each, is_fraud=known.get(each.payment_id)) for each in found]


async def _links(connection: Connection, case: Case) -> list[Link]:
    found = await case_pictures.links(connection, case.account_id)
    counts = await case_pictures.case_counts(connection, [link.account_id for link in found])
    return [replace(link, count=counts.get(link.account_id, CaseCount())) for link in found]
