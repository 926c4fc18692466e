"""Operators make licenses, look at them and decide about them."""

from typing import Annotated, Self

from fastapi import APIRouter, Request
from pydantic import Field, model_validator
from starlette.responses import Response
from typing_extensions import TypedDict

from services.licensing.api.guards import actor_of, caller_of, known_license, licensing_of
from services.licensing.api.licenses import (
    Entitlements,
    ExplanationView,
    Fingerprint,
    RotateBody,
    Server,
    explained,
    rotated,
)
from services.licensing.api.validate import Entitlement
from services.licensing.api.views import LicenseKeyView, LicenseView, key_view, license_view
from services.licensing.domain.license import PREFIX, License, Status
from services.licensing.domain.license_step import CauseKind
from services.licensing.use_cases import license_deeds, licenses
from services.licensing.use_cases.license_deeds import Order
from shared.db import Connection
from shared.doors import StrictRoute, Text, Wire, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.idempotency import Claim
from shared.service_auth import operator_required

router = APIRouter(route_class=StrictRoute, tags=["operators"])

_AT = "/api/v1/admin/licenses"
Days = Annotated[int, Field(ge=1, le=36_500)]
Seconds = Annotated[int, Field(ge=0, le=366 * 86_400)]


class MakeBody(Wire):
    """A license that no subscription stands behind. `plan` is a name, shown and mailed: none of billing's plans is
    looked up, and it entitles to nothing by itself. `days` and `max_activations` left out: the settings' (30, 1). With
    `lease_seconds` its activations need a heartbeat."""

    account_id: Annotated[str, Field(min_length=1, max_length=64)]
    plan: Text | None = None
    days: Days | None = None
    no_end: bool = False
    grace_seconds: Seconds = 0
    max_activations: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    lease_seconds: Annotated[int, Field(ge=10, le=30 * 86_400)] | None = None
    entitlements: Annotated[tuple[Entitlement, ...], Field(strict=False, max_length=100)] = ()
    send_mail: bool = True

    @model_validator(mode="after")
    def _one_end(self) -> Self:
        if self.no_end and self.days is not None:
            raise ValueError("days and no_end exclude each other")
        return self


class ReasonBody(Wire):
    """Why, for the license's history and the audit trail."""

    reason: Text | None = None


class RenewBody(Wire):
    """How many days more; left out: the setting's."""

    days: Days | None = None


class LicenseStatisticsView(TypedDict):
    """L12. `active` may be used now: those in their grace are among them."""

    total: int
    active: int
    expired: int
    revoked: int
    by_status: dict[str, int]


@router.get(_AT, response_model=Page[LicenseView], summary="List licenses")
@guarded(operator_required)
async def list_all(request: Request, limit: Limit = 20, after: After = None, status: Status | None = None) -> Response:
    """Newest first, by status if wanted; without keys."""
    licensing, cursor = licensing_of(request), checked_cursor(PREFIX, after)
    found = await licenses.list_licenses(licensing, account_id=None, status=status, after=cursor, limit=limit + 1)
    now = licensing.clock.now()
    return page(found, limit, lambda license: license_view(license, now))


@router.post(_AT, response_model=LicenseKeyView, status_code=201, summary="Make a license by hand")
@guarded(operator_required)
@refuses("service_unavailable")
@takes_idempotency_key
async def make(request: Request, body: MakeBody) -> Response:
    """201 with the key, which its owner gets by mail too."""
    licensing = licensing_of(request)

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, license: License, key: str) -> Response:
            return await claim.keep(connection, 201, key_view(license, key, licensing.clock.now()))

        return await license_deeds.make(licensing, actor_of(request), _order(request, body), finish)

    return await idempotently(request, caller_of(request).account_id, work)


@router.get(_AT + "/statistics", response_model=LicenseStatisticsView, summary="Count licenses")
@guarded(operator_required)
async def statistics(request: Request) -> Response:
    """As they stand now."""
    counts = await licenses.count_licenses(licensing_of(request))
    view: LicenseStatisticsView = {
        "total": sum(counts.values()),
        "active": counts[Status.ACTIVE] + counts[Status.GRACE],
        "expired": counts[Status.EXPIRED],
        "revoked": counts[Status.REVOKED],
        "by_status": {status.value: count for status, count in counts.items()},
    }
    return answer(view)


@router.get(_AT + "/{license_id}", response_model=LicenseView, summary="Read a license")
@guarded(operator_required, known_license)
async def read(request: Request, license_id: str) -> Response:
    """Without its key, which is its owner's."""
    return answer(license_view(request.state.license, licensing_of(request).clock.now()))


@router.get(_AT + "/{license_id}/explain", response_model=ExplanationView, summary="Explain any license's verdict")
@guarded(operator_required, known_license)
async def explain(
    request: Request,
    license_id: str,
    server_id: Server = None,
    fingerprint: Fingerprint = None,
    entitlements: Entitlements = None,
) -> Response:
    """Step by step, as a validation now would go, and what became of the license."""
    return await explained(request, server_id, fingerprint, entitlements)


@router.post(_AT + "/{license_id}/revoke", response_model=LicenseView, summary="Revoke a license for good")
@guarded(operator_required, known_license)
async def revoke(request: Request, license_id: str, body: ReasonBody | None = None) -> Response:
    """Refused everywhere within 1 s; neither payments nor other plans bring it back. The subscription behind it is
    canceled at once, so that nothing more is charged; what was paid is not refunded."""
    reason = None if body is None else body.reason
    return _shown(
        request, await license_deeds.revoke(licensing_of(request), actor_of(request), license_id, reason=reason)
    )


@router.post(_AT + "/{license_id}/suspend", response_model=LicenseView, summary="Suspend a license")
@guarded(operator_required, known_license)
@refuses("license_revoked")
async def suspend(request: Request, license_id: str, body: ReasonBody | None = None) -> Response:
    """Until it is restored; what billing says of it goes on beside."""
    reason = None if body is None else body.reason
    return _shown(
        request, await license_deeds.suspend(licensing_of(request), actor_of(request), license_id, reason=reason)
    )


@router.post(_AT + "/{license_id}/restore", response_model=LicenseView, summary="Restore a suspended license")
@guarded(operator_required, known_license)
@refuses("license_revoked")
async def restore(request: Request, license_id: str, body: ReasonBody | None = None) -> Response:
    """Takes an operator's suspension back; billing's stays."""
    reason = None if body is None else body.reason
    return _shown(
        request, await license_deeds.restore(licensing_of(request), actor_of(request), license_id, reason=reason)
    )


@router.post(_AT + "/{license_id}/renew", response_model=LicenseView, summary="Renew a license made by hand")
@guarded(operator_required, known_license)
@refuses("not_renewable", "license_revoked")
@takes_idempotency_key
async def renew(request: Request, license_id: str, body: RenewBody | None = None) -> Response:
    """So many days more, from its end or from now, whichever is later."""
    licensing = licensing_of(request)
    days = licensing.settings.license_days if body is None or body.days is None else body.days

    async def work(claim: Claim) -> Response:
        async def finish(connection: Connection, license: License) -> Response:
            return await claim.keep(connection, 200, license_view(license, licensing.clock.now()))

        return await license_deeds.renew(licensing, actor_of(request), license_id, days=days, finish=finish)

    return await idempotently(request, caller_of(request).account_id, work)


@router.post(_AT + "/{license_id}/rotate", response_model=LicenseKeyView, status_code=201, summary="Replace any key")
@guarded(operator_required, known_license)
@refuses("license_revoked")
@takes_idempotency_key
async def rotate(request: Request, license_id: str, body: RotateBody) -> Response:
    """201 with the new key; the old one works until the overlap is over, one before it no more. Activations stay."""

    async def work(claim: Claim) -> Response:
        return await rotated(request, license_id, body, claim, CauseKind.OPERATOR)

    return await idempotently(request, caller_of(request).account_id, work)


def _shown(request: Request, license: License) -> Response:
    return answer(license_view(license, licensing_of(request).clock.now()))


def _order(request: Request, body: MakeBody) -> Order:
    settings = licensing_of(request).settings
    return Order(
        account_id=body.account_id,
        plan_id=body.plan,
        days=None if body.no_end else body.days or settings.license_days,
        grace_seconds=body.grace_seconds,
        max_activations=body.max_activations or settings.license_max_activations,
        lease_seconds=body.lease_seconds,
        entitlements=tuple(dict.fromkeys(body.entitlements)),
        sends_mail=body.send_mail,
    )
