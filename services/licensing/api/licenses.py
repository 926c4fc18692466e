"""GET /api/v1/licenses: an account's own, with their keys; why one is not valid; another key for a leaked one."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.licensing.api.guards import (
    active_caller_required,
    actor_of,
    caller_of,
    license_of,
    licensing_of,
    own_license,
)
from services.licensing.api.views import LicenseKeyView, LicenseView, key_view, license_view
from services.licensing.domain.license import PREFIX, License
from services.licensing.domain.license_step import Action, CauseKind
from services.licensing.domain.verdict import Code
from services.licensing.use_cases import license_deeds, licenses
from services.licensing.use_cases.explaining import explain
from shared.db import Connection
from shared.doors import StrictRoute, Wire, answer, guarded, one_of, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["licenses"])

Server = Annotated[str | None, Query(max_length=200, description="Judge this server's activation too.")]
Fingerprint = Annotated[str | None, Query(max_length=500, description="Compared with that of the server's activation.")]
Entitlements = Annotated[list[str] | None, Query(max_length=100, description="What is asked for, once for each.")]


class RotateBody(Wire):
    """How long the old key works yet."""

    overlap_seconds: Annotated[int, Field(ge=0, le=license_deeds.LONGEST_OVERLAP_SECONDS)] = 0


class CheckView(TypedDict):
    """One step of L4. `code` is what it denies with, null where it passes."""

    step: str
    ok: bool
    code: Annotated[str, one_of(Code)] | None
    detail: str


class StepView(TypedDict):
    """What became of the license once, and by whose doing."""

    at: datetime
    action: Annotated[str, one_of(Action)]
    billing_state: str
    admin_state: str
    reason: str | None
    expires_at: datetime | None
    cause: Annotated[str, one_of(CauseKind)]
    reference: str | None


class ExplanationView(TypedDict):
    """The verdict is the first step's that denies; `history` is oldest first."""

    license: LicenseView
    valid: bool
    code: Annotated[str, one_of(Code)]
    detail: str
    steps: list[CheckView]
    history: list[StepView]


@router.get("/api/v1/licenses", response_model=Page[LicenseView], summary="List your licenses")
@guarded(caller_required)
async def list_own(request: Request, limit: Limit = 20, after: After = None) -> Response:
    """Newest first, without keys."""
    licensing, account_id, cursor = licensing_of(request), caller_of(request).account_id, checked_cursor(PREFIX, after)
    found = await licenses.list_licenses(licensing, account_id=account_id, status=None, after=cursor, limit=limit + 1)
    now = licensing.clock.now()
    return page(found, limit, lambda license: license_view(license, now))


@router.get("/api/v1/licenses/{license_id}", response_model=LicenseKeyView, summary="Read a license of yours")
@guarded(caller_required, own_license)
async def read_own(request: Request, license_id: str) -> Response:
    """With its key."""
    licensing, license = licensing_of(request), license_of(request)
    key = await licenses.read_key(licensing, license)
    return answer(key_view(license, key, licensing.clock.now()), headers={"Cache-Control": "no-store"})


@router.get(
    "/api/v1/licenses/{license_id}/explain", response_model=ExplanationView, summary="Explain a license's verdict"
)
@guarded(caller_required, own_license)
async def explain_own(
    request: Request,
    license_id: str,
    server_id: Server = None,
    fingerprint: Fingerprint = None,
    entitlements: Entitlements = None,
) -> Response:
    """Step by step, as a validation now would go, and what became of the license."""
    return await explained(request, server_id, fingerprint, entitlements)


@router.post(
    "/api/v1/licenses/{license_id}/rotate", response_model=LicenseKeyView, status_code=201, summary="Replace a key"
)
@guarded(active_caller_required, own_license)
@refuses("license_revoked")
@takes_idempotency_key
async def rotate_own(request: Request, license_id: str, body: RotateBody) -> Response:
    """201 with the new key; the old one works until the overlap is over, one before it no more. Activations stay."""

    async def work(claim: Claim) -> Response:
        return await rotated(request, license_id, body, claim, CauseKind.OWNER)

    return await idempotently(request, caller_of(request).account_id, work)


async def rotated(request: Request, license_id: str, body: RotateBody, claim: Claim, cause: CauseKind) -> Response:
    licensing = licensing_of(request)

    async def finish(connection: Connection, license: License, key: str) -> Response:
        return await claim.keep(connection, 201, key_view(license, key, licensing.clock.now()))

    return await license_deeds.rotate(
        licensing, actor_of(request), license_id, cause, overlap_seconds=body.overlap_seconds, finish=finish
    )


async def explained(
    request: Request, server_id: str | None, fingerprint: str | None, entitlements: list[str] | None
) -> Response:
    licensing, license = licensing_of(request), license_of(request)
    found = await explain(
        licensing, license, server_id=server_id, fingerprint=fingerprint, entitlements=tuple(entitlements or ())
    )
    view: ExplanationView = {
        "license": license_view(license, licensing.clock.now()),
        "valid": found.verdict.valid,
        "code": found.verdict.code.value,
        "detail": found.verdict.detail,
        "steps": [
            {
                "step": check.step,
                "ok": check.denial is None,
                "code": None if check.denial is None else check.denial.value,
                "detail": check.detail,
            }
            for check in found.checks
        ],
        "history": [
            {
                "at": step.at,
                "action": step.action,
                "billing_state": step.billing_state,
                "admin_state": step.admin_state,
                "reason": step.reason,
                "expires_at": step.expires_at,
                "cause": step.cause,
                "reference": step.reference,
            }
            for step in found.history
        ],
    }
    return answer(view)
