"""GET, PUT /api/v1/auto-top-up: credits bought by themselves when they run low (S6)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import active_caller_required, billing_of, caller_of
from services.billing.domain.top_up import AutoTopUp
from services.billing.use_cases import auto_top_up
from shared.db import Connection
from shared.doors import (
    CreditsField,
    StrictRoute,
    WholeCreditsField,
    Wire,
    answer,
    guarded,
    one_of,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.idempotency import Claim
from shared.money import Credits
from shared.service_auth import caller_required

router = APIRouter(route_class=StrictRoute, tags=["payments"])


class TopUpBody(Wire):
    """Below `threshold` credits, buy `credits`, and no more than `monthly_cap` credits in a calendar month (UTC)."""

    enabled: bool
    threshold: CreditsField
    credits: WholeCreditsField
    monthly_cap: CreditsField


class AutoTopUpView(TypedDict):
    """The automatic top-up. `bought_this_month` counts towards `monthly_cap`, both in credits; `waits_for` names the
    limit that has no room before `next_attempt_at`. `stopped_reason` is `declined` (too often in a row), `no_card`,
    `blocked`, `refunded` or `disputed`: money went back, and the card is not charged for it until it is set anew."""

    enabled: bool
    threshold: CreditsField
    credits: CreditsField
    monthly_cap: CreditsField
    status: Annotated[str, one_of(("off", "active", "waiting", "stopped"))]
    stopped_reason: str | None
    waits_for: str | None
    declines: int
    bought_this_month: CreditsField
    next_attempt_at: datetime | None


@router.get("/api/v1/auto-top-up", response_model=AutoTopUpView, summary="Read the automatic top-up")
@guarded(caller_required)
async def read_top_up(request: Request) -> Response:
    """`status`: `off`, `active`, `waiting` until `next_attempt_at` for what `waits_for` names to have room again, or
    `stopped` with `stopped_reason`: `declined` too often, `no_card`, `blocked`, `refunded` or `disputed`, since
    what goes back takes credits, and buying them back is for you to say. Setting it anew starts it again."""
    setting, bought = await auto_top_up.read_setting(billing_of(request), caller_of(request).account_id)
    return answer(_off() if setting is None else _view(setting, bought))


@router.put("/api/v1/auto-top-up", response_model=AutoTopUpView, summary="Set the automatic top-up")
@guarded(active_caller_required)
@refuses("no_payment_method", "validation_failed")
@takes_idempotency_key
async def set_top_up(request: Request, body: TopUpBody) -> Response:
    """200 with the setting; 409 `no_payment_method` where no card is saved."""
    billing, account_id = billing_of(request), caller_of(request).account_id

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, setting: AutoTopUp, bought: int) -> Response:
            return await claim.keep(connection, 200, _view(setting, bought))

        wanted = AutoTopUp(
            account_id=account_id,
            enabled=body.enabled,
            threshold=body.threshold.millicredits,
            amount=body.credits.millicredits,
            monthly_cap=body.monthly_cap.millicredits,
            next_at=billing.clock.now(),
        )
        return await auto_top_up.change_setting(billing, wanted, keep)

    return await idempotently(request, account_id, work)


def _view(setting: AutoTopUp, bought: int) -> AutoTopUpView:
    return {
        "enabled": setting.enabled,
        "threshold": Credits(setting.threshold),
        "credits": Credits(setting.amount),
        "monthly_cap": Credits(setting.monthly_cap),
        "status": _status(setting),
        "stopped_reason": setting.stopped,
        "waits_for": setting.waits_for,
        "declines": setting.declines,
        "bought_this_month": Credits(bought),
        "next_attempt_at": setting.next_at,
    }


def _status(setting: AutoTopUp) -> str:
    if not setting.enabled:
        return "off"
    if setting.stopped is not None:
        return "stopped"
    return "active" if setting.waits_for is None else "waiting"


def _off() -> AutoTopUpView:
    return {
        "enabled": False,
        "threshold": Credits(0),
        "credits": Credits(0),
        "monthly_cap": Credits(0),
        "status": "off",
        "stopped_reason": None,
        "waits_for": None,
        "declines": 0,
        "bought_this_month": Credits(0),
        "next_attempt_at": None,
    }
