"""POST /api/v1/licenses/{id}/file: a license file, for the license's owner by session, or for a server by its key."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.licensing.api.guards import active_caller_required, caller_of, licensing_of, own_license
from services.licensing.api.seats import FingerprintField, KeyField, bearer_of, license_invalid
from services.licensing.api.validate import from_gateway
from services.licensing.domain.license_file import LONGEST_TTL, SHORTEST_TTL
from services.licensing.use_cases import license_files
from services.licensing.use_cases.bearing import Refused
from services.licensing.use_cases.license_files import LicenseFile, Order
from shared.audit import Actor
from shared.db import Connection
from shared.doors import StrictRoute, Text, Wire, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.routing import read_bounded
from shared.doors.strict_json import decode
from shared.errors import DomainError
from shared.idempotency import Claim

router = APIRouter(route_class=StrictRoute, tags=["licenses"])

_NO_CREDENTIAL = DomainError("unauthenticated", "Sign in, or send the license key as license_key.")
_Ttl = Annotated[int, Field(ge=int(SHORTEST_TTL.total_seconds()), le=int(LONGEST_TTL.total_seconds()))]


class FileBody(Wire):
    """`license_key` takes a session's place; `fingerprint` is then needed where the server was activated with one.
    Without `ttl_seconds` the file lasts as long as the license."""

    server_id: Text
    fingerprint: FingerprintField | None = None
    ttl_seconds: _Ttl | None = None
    encrypted: bool = False
    license_key: KeyField | None = None


class LicenseFileView(TypedDict):
    """`file` is the text; `expires_at` is its claim."""

    file: str
    expires_at: datetime


@refuses("unauthenticated", "session_required", "account_suspended", "not_found")
async def _owner_if_signed_in(request: Request) -> None:
    """Guard: with a session, the license is its account's. The gateway itself brings who has none, and the license's
    key in the body."""
    try:
        await from_gateway(request)
    except DomainError:  # an account's token, or none at all, which the next guard refuses
        await active_caller_required(request)
        await own_license(request)
    else:
        await _license_key_sent(request)


async def _license_key_sent(request: Request) -> None:
    """The body's credential is looked for before the body is judged: without one nothing else is told."""
    try:
        said = decode(await read_bounded(request))
    except DomainError:
        raise _NO_CREDENTIAL from None
    if not isinstance(said, dict) or not isinstance(said.get("license_key"), str):
        raise _NO_CREDENTIAL


@router.post(
    "/api/v1/licenses/{license_id}/file", status_code=201, response_model=LicenseFileView, summary="Make a license file"
)
@guarded(_owner_if_signed_in)
@refuses("license_invalid", "rate_limited")
@takes_idempotency_key
async def make_file(request: Request, license_id: str, body: FileBody) -> Response:
    """201 with a file that a server which is active proves its license with, offline. 403 `license_invalid` with the
    verdict where the license is neither VALID nor in GRACE, or not on this server. 422 where it is to be encrypted and
    the server has no fingerprint."""
    asker = await _asker(request, license_id, body)
    order = Order(
        license_id,
        body.server_id,
        None if body.ttl_seconds is None else timedelta(seconds=body.ttl_seconds),
        body.encrypted,
        body.fingerprint,
        by_owner=caller_of(request).role != "service",
    )

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, made: LicenseFile) -> Response:
            view: LicenseFileView = {"file": made.text, "expires_at": made.expires_at}
            return await claim.keep(connection, 201, view)

        actor = Actor(asker, request.state.request_id)
        found = await license_files.make_file(licensing_of(request), order, actor, finish)
        if isinstance(found, Refused):
            raise license_invalid(found, licensing_of(request).clock.now())
        return found

    return await idempotently(request, asker, work)


async def _asker(request: Request, license_id: str, body: FileBody) -> str:
    """The account, or the license whose key the body holds: whose request it is, and whose Idempotency-Key."""
    if caller_of(request).role != "service":
        return caller_of(request).account_id
    assert body.license_key is not None, "the guard saw it"
    bearer = bearer_of(request, body.license_key, body.server_id)
    found = await license_files.bearer_s_license(licensing_of(request), bearer, license_id)
    if isinstance(found, Refused):
        raise license_invalid(found, licensing_of(request).clock.now())
    return found.id
