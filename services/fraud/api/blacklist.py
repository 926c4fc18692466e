"""`/api/v1/admin/blacklist`: operators list, add and remove."""

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.fraud.domain.blacklist import LONGEST_VALUE, Draft, Kind, Listed, draft
from services.fraud.service import Fraud
from services.fraud.use_cases.keep_blacklist import add_entry, list_entries, remove_entry
from shared import idempotency
from shared.doors import InstantField, StrictRoute, Text, Wire, answer, guarded
from shared.idempotency import Claim, Replay
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


@router.get(PATH, summary="The live entries, newest first")
@guarded(operator_required)
async def list_blacklist(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(max_length=64)] = None,
    kind: Kind | None = None,
) -> Response:
    found, has_more = await list_entries(_fraud(request), kind=kind, after=after, limit=limit)
    data = [_wire(listed) for listed in found]
    return answer({"data": data, "has_more": has_more, "next": found[-1].id if has_more else None})


@router.post(PATH, status_code=201, summary="Add an entry")
@guarded(operator_required)
async def add_to_blacklist(request: Request, body: EntryBody) -> Response:
    fraud = _fraud(request)
    try:
        async with _claimed(request, fraud) as claim:

            async def keep(connection: AsyncConnection, listed: Listed) -> None:
                await claim.keep(connection, 201, _wire(listed))

            listed = await add_entry(fraud, _draft(fraud, body), by=request.state.caller.account_id, keep=keep)
    except Replay as replay:
        return replay.response()
    return answer(_wire(listed), 201)


@router.delete(PATH + "/{entry_id}", status_code=204, summary="Remove an entry")
@guarded(operator_required)
async def remove_from_blacklist(request: Request, entry_id: str) -> Response:
    await remove_entry(_fraud(request), entry_id, by=request.state.caller.account_id)
    return answer(status=204)


@contextlib.asynccontextmanager
async def _claimed(request: Request, fraud: Fraud) -> AsyncIterator[Claim]:
    """The request's Idempotency-Key for the length of the work, given back where that fails. Raises Replay."""
    claim = await idempotency.claim(
        fraud.database,
        fraud.clock,
        scope=request.state.caller.account_id,
        key=idempotency.key_of(request),
        fingerprint=f"POST {PATH}\n".encode() + request.state.body,
        pepper=fraud.settings.idempotency_pepper,
    )
    try:
        yield claim
    except BaseException:
        await claim.give_back(fraud.database)
        raise


def _draft(fraud: Fraud, body: EntryBody) -> Draft:
    return draft(
        kind=body.kind,
        value=body.value,
        reason=body.reason,
        source=body.source,
        expires_at=body.expires_at,
        now=fraud.clock.now(),
    )


def _fraud(request: Request) -> Fraud:
    fraud = request.app.state.service
    assert isinstance(fraud, Fraud)
    return fraud


def _wire(listed: Listed) -> dict[str, object]:
    return {
        "id": listed.id,
        "kind": listed.kind,
        "value": listed.value,
        "reason": listed.reason,
        "source": listed.source,
        "expires_at": listed.expires_at,
        "created_at": listed.created_at,
    }
