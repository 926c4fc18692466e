"""Credits that operators give and take by hand. Each is one transaction, its line in the audit trail and the answer's
record included. The entry itself keeps the reason; the trail, who it was."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.transfer import Posted, Transfer, entry_id
from services.billing.service import Billing
from services.billing.use_cases.credits import list_entries
from services.billing.use_cases.post_credit import post_debit, post_grant
from shared import audit, ids
from shared.db import Connection
from shared.errors import Invalid, NotFound

Answer = TypeVar("Answer")
Keep = Callable[[Connection, Posted], Awaitable[Answer]]
"""Makes the answer from the entry, and saves it in the same transaction where the request may be repeated."""


async def require_account(billing: Billing, account_id: str) -> None:
    """Ask the gateway, which owns accounts. Raises NotFound."""
    if ids.decode("acct", account_id) is None or not await billing.gateway.has_account(account_id):
        raise NotFound("account")


async def grant_credits(
    billing: Billing,
    actor: audit.Actor,
    account_id: str,
    *,
    millicredits: int,
    reason: str,
    expires_at: datetime | None,
    keep: Keep[Answer],
) -> Answer:
    """Give promotional credits. Raises Invalid where they would have expired already."""
    now = billing.clock.now()
    if expires_at is not None and expires_at <= now:
        raise Invalid("/expires_at", "must be in the future")
    async with billing.database.transaction() as transaction:
        posted = await post_grant(
            transaction,
            account_id=account_id,
            transfer_id=ids.new_uuid(at=billing.clock.real_now()),
            millicredits=millicredits,
            description=reason,
            expires_at=expires_at,
            at=now,
            real_now=billing.clock.real_now(),
        )
        details = _details(posted.transfer) | {"expires_at": expires_at}
        await audit.write(transaction, actor, "credits.granted", entry_id(posted.transfer.id), details, at=now)
        return await keep(transaction, Posted(posted.transfer, now))


async def debit_credits(
    billing: Billing,
    actor: audit.Actor,
    account_id: str,
    *,
    millicredits: int,
    reason: str,
    kind: Literal[Kind.DEBIT, Kind.BREAKAGE],
    keep: Keep[Answer],
) -> Answer:
    """Take credits, never more than are available: to put something right, or as breakage, which nobody will spend any
    more. Raises CannotDebit (409)."""
    now = billing.clock.now()
    async with billing.database.transaction() as transaction:
        posted = await post_debit(
            transaction,
            account_id=account_id,
            transfer_id=ids.new_uuid(at=billing.clock.real_now()),
            millicredits=millicredits,
            description=reason,
            kind=kind,
            at=now,
            real_now=billing.clock.real_now(),
        )
        details = _details(posted.transfer) | {"kind": kind.value}
        await audit.write(transaction, actor, "credits.debited", entry_id(posted.transfer.id), details, at=now)
        return await keep(transaction, Posted(posted.transfer, now))


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """An entry as operators see it: `made_by` is the operator who gave or took by hand."""

    posted: Posted
    made_by: str | None


async def list_entries_seen(billing: Billing, account_id: str, *, after: str | None, limit: int) -> list[SeenEntry]:
    """An account's entries as `credits.list_entries` lists them, with who made them."""
    found = await list_entries(billing, account_id, after=after, limit=limit)
    async with billing.database.transaction() as connection:
        lines = await audit.of_subjects(connection, [entry_id(each.transfer.id) for each in found])
    made_by = {line.subject: line.actor for line in lines}
    return [SeenEntry(each, made_by.get(entry_id(each.transfer.id))) for each in found]


def _details(transfer: Transfer) -> dict[str, object]:
    return {"account_id": transfer.account_id, "millicredits": transfer.amount}
