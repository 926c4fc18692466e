"""`/api/v1/admin/blacklist/import` and `/export`: the blacklist as CSV."""

import io
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse
from typing_extensions import TypedDict

from services.fraud.api.blacklist import PATH
from services.fraud.api.guards import actor_of, fraud_of
from services.fraud.use_cases.blacklist_files import Imported, export_entries, import_entries
from shared.db import Connection
from shared.doors import StrictRoute, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.routing import read_bounded
from shared.idempotency import Claim
from shared.service_auth import operator_required

_CSV: dict[str, Any] = {
    "text/csv": {
        "schema": {
            "type": "string",
            "description": "UTF-8 with a header: kind, value, and if wanted reason, source, expires_at.",
        }
    }
}

router = APIRouter(route_class=StrictRoute, tags=["operators"])

DryRun = Annotated[bool, Query(description="Judge and count all rows, and list none.")]


class BlacklistImportView(TypedDict):
    """`already_listed`: rows that a live entry says already, which stays as it is."""

    rows: int
    added: int
    already_listed: int
    dry_run: bool


@router.post(
    PATH + "/import",
    response_model=BlacklistImportView,
    summary="List every row of a CSV",
    openapi_extra={"requestBody": {"required": True, "content": _CSV}},
)
@guarded(operator_required)
@refuses("request_timeout", "body_too_large", "unsupported_media_type", "validation_failed")
@takes_idempotency_key
async def import_blacklist(request: Request, dry_run: DryRun = False) -> Response:
    """All of it, or nothing: with one wrong row nothing is listed, and `errors` tells of the first hundred by line.
    Files over 1 MiB go by the command line."""
    body = await read_bounded(request)

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, done: Imported) -> None:
            await claim.keep(connection, 200, _view(done))

        text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8-sig", newline="")
        fraud, actor = fraud_of(request), actor_of(request)
        return answer(_view(await import_entries(fraud, actor, text, dry_run=dry_run, keep=keep)))

    return await idempotently(request, actor_of(request).account_id, work)


@router.get(
    PATH + "/export",
    response_class=StreamingResponse,
    responses={200: {"content": _CSV, "description": "Every live entry, newest first."}},
    summary="The blacklist as CSV",
)
@guarded(operator_required)
async def export_blacklist(request: Request) -> Response:
    """What import takes again. Values in it name persons."""
    fraud = fraud_of(request)

    async def pages() -> AsyncIterator[bytes]:
        async for text in export_entries(fraud):
            yield text.encode()

    return StreamingResponse(
        pages(),
        media_type="text/csv",
        headers={"content-disposition": 'attachment; filename="blacklist.csv"', "cache-control": "no-store"},
    )


def _view(done: Imported) -> BlacklistImportView:
    return {
        "rows": done.rows,
        "added": done.added,
        "already_listed": done.already_listed,
        "dry_run": done.is_dry_run,
    }
