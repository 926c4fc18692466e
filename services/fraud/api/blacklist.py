"""`/api/v1/admin/blacklist`: operators list, add and remove."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.fraud.api.guards import actor_of, fraud_of
from services.fraud.domain.blacklist import ID_PREFIX, LONGEST_VALUE, Draft, Kind, Listed, draft
from services.fraud.service import Fraud
from services.fraud.use_cases.keep_blacklist import add_entry, list_entries, remove_entry
from shared.db import Connection
from shared.doors import (
    InstantField,
    StrictRoute,
    Text,
    Wire,
    answer,
    guarded,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.service_auth import operator_required

PATH = "/api/v1/admin/blacklist"

router = APIRouter(route_class=StrictRoute, tags=["operators"])


class EntryBody(Wire):
    """An entry to be added; without `expires_at` it stays until it is removed."""

    kind: Kind
    value: Annotated[str, Field(min_length=1, max_length=LONGEST_VALUE)]
    reason: Text | None = None
    source: Text = "operator"
    expires_at: InstantField | None = None


class BlacklistEntryView(TypedDict):
    id: str
    kind: Kind
    value: str
    reason: str | None
    source: str
    expires_at: datetime | None
    created_at: datetime


@router.get(PATH, response_model=Page[BlacklistEntryView], summary="The live entries, newest first")
@guarded(operator_required)
async def list_blacklist(
    request: Request, limit: Limit = 20, after: After = None, kind: Kind | None = None
) -> Response:
    cursor = checked_cursor(ID_PREFIX, after)
    return page(await list_entries(fraud_of(request), kind=kind, after=cursor, limit=limit + 1), limit, _wire)


@router.post(PATH, status_code=201, response_model=BlacklistEntryView, summary="Add an entry")
@guarded(operator_required)
@refuses("already_listed")
@takes_idempotency_key
async def add_to_blacklist(request: Request, body: EntryBody) -> Response:
    fraud, actor = fraud_of(request), actor_of(request)

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, listed: Listed) -> None:
            await claim.keep(connection, 201, _wire(listed))

        return answer(_wire(await add_entry(fraud, actor, _draft(fraud, body), keep=keep)), 201)

    return await idempotently(request, actor.account_id, work)


@router.delete(PATH + "/{entry_id}", status_code=204, summary="Remove an entry")
@guarded(operator_required)
@refuses("not_found")
async def remove_from_blacklist(request: Request, entry_id: str) -> Response:
    await remove_entry(fraud_of(request), actor_of(request), entry_id)
    return answer(status=204)


def _draft(fraud: Fraud, body: EntryBody) -> Draft:
    return draft(
        kind=body.kind,
        value=body.value,
        reason=body.reason,
        source=body.source,
        expires_at=body.expires_at,
        now=fraud.clock.now(),
    )


def _wire(listed: Listed) -> BlacklistEntryView:
    return {
        "id": listed.id,
        "kind": listed.kind,
        "value": listed.value,
        "reason": listed.reason,
        "source": listed.source,
        "expires_at": listed.expires_at,
        "created_at": listed.created_at,
    }
