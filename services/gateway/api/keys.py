"""API keys, for their owner (S1, C1, C2)."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from services.gateway.api.accounts_wire import ApiKeyView, CreatedApiKeyView, created_key_out, key_out
from services.gateway.api.guards import actor_of, gateway_of, session_required
from services.gateway.domain.account import valid_name
from services.gateway.domain.api_key_limits import HIGHEST, Limits, LimitsChange, lowered_by_customer
from services.gateway.domain.key_access import valid_networks, valid_scopes
from services.gateway.domain.stored_key import ApiKey, valid_expiry
from services.gateway.store.connection import Connection
from services.gateway.use_cases import api_keys
from services.gateway.use_cases.changing import Keep
from shared.doors import (
    Change,
    InstantField,
    StrictRoute,
    Wire,
    answer,
    guarded,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page
from shared.errors import Invalid
from shared.idempotency import Claim, key_of

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/auth", tags=["keys"])

Calls = Annotated[int, Field(ge=1, le=HIGHEST)]


class LimitsBody(Change):
    """What is left out stays."""

    per_minute: Calls = HIGHEST
    per_day: Calls = HIGHEST

    def change(self) -> LimitsChange:
        return LimitsChange(frozenset(self.model_fields_set), Limits(self.per_minute, self.per_day))


class CreateKeyBody(Wire):
    """What the key shall be; scopes left out mean all."""

    name: str
    scopes: list[str] | None = None
    expires_at: InstantField | None = None
    allowed_ips: list[str] | None = None
    limits: LimitsBody | None = None


class ChangeKeyBody(Change):
    """What is left out stays; an empty list of addresses means everywhere."""

    name: str = ""
    scopes: list[str] = Field(default_factory=list)
    allowed_ips: list[str] = Field(default_factory=list)
    limits: LimitsBody = Field(default_factory=LimitsBody)


class RotateBody(Wire):
    overlap_seconds: Annotated[int, Field(ge=0)] = 0


@refuses("not_found")
async def own_key(request: Request) -> None:
    """Guard: the path names a live key of the account's; else 404."""
    key_id = request.path_params["key_id"]
    request.state.api_key = await api_keys.own_live_key(gateway_of(request), request.state.identity.account_id, key_id)


@refuses("not_found")
async def own_key_perhaps_rotated(request: Request) -> None:
    """Guard: as `own_key`; with an Idempotency-Key also an ended key of the account's, whose rotation's first answer
    may be asked for again."""
    if key_of(request) is None:
        await own_key(request)
        return
    account_id = request.state.identity.account_id
    await api_keys.check_own_key(gateway_of(request), account_id, request.path_params["key_id"])


@router.post(
    "/api-key", status_code=201, response_model=CreatedApiKeyView, summary="Make an API key; it is shown this once"
)
@guarded(session_required)
@refuses("insufficient_credits", "too_many_keys", "billing_unavailable")
@takes_idempotency_key
async def create_key(request: Request, body: CreateKeyBody) -> Response:
    """A first key needs 5,000 available credits, a further one a single credit; none are taken."""
    gateway = gateway_of(request)
    limits = api_keys.default_limits(gateway)
    wish = api_keys.KeyWish(
        name=valid_name(body.name),
        scopes=valid_scopes(body.scopes),
        allowed_ips=valid_networks(body.allowed_ips),
        limits=limits if body.limits is None else lowered_by_customer(limits, body.limits.change()),
        expires_at=valid_expiry(body.expires_at, at=gateway.clock.real_now()),
    )

    async def work(claimed: Claim) -> Response:
        return await api_keys.create_key(gateway, actor_of(request), wish, keep=_keeping(claimed))

    return await idempotently(request, request.state.identity.account_id, work)


@router.get("/api-keys", response_model=Page[ApiKeyView], summary="The account's live keys, never the keys themselves")
@guarded(session_required)
async def list_keys(request: Request, limit: Limit = 20, after: After = None) -> Response:
    account_id = request.state.identity.account_id
    cursor = checked_cursor("key", after)
    found = await api_keys.list_keys(gateway_of(request), account_id, after=cursor, limit=limit + 1)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, key_out)


@router.patch("/api-keys/{key_id}", response_model=ApiKeyView, summary="Change a key; customers may only lower limits")
@guarded(session_required, own_key)
async def change_key(request: Request, key_id: str, body: ChangeKeyBody) -> Response:
    def change(key: ApiKey) -> Mapping[str, object]:
        return _change(key, body)

    changed = await api_keys.change_key(gateway_of(request), actor_of(request), key_id, change)
    return answer(key_out(changed))


@router.post(
    "/api-keys/{key_id}/rotate",
    status_code=201,
    response_model=CreatedApiKeyView,
    summary="A successor; the key itself ends after the overlap",
)
@guarded(session_required, own_key_perhaps_rotated)
@takes_idempotency_key
async def rotate_key(request: Request, key_id: str, body: RotateBody | None = None) -> Response:
    gateway = gateway_of(request)
    overlap_seconds = body.overlap_seconds if body else 0
    longest = gateway.settings.key_rotation_max_seconds
    if overlap_seconds > longest:
        raise Invalid("/overlap_seconds", f"must be at most {longest}")

    async def work(claimed: Claim) -> Response:
        return await api_keys.rotate_key(
            gateway, actor_of(request), key_id, overlap_seconds=overlap_seconds, keep=_keeping(claimed)
        )

    return await idempotently(request, request.state.identity.account_id, work)


@router.delete("/api-keys/{key_id}", status_code=204, summary="Revoke a key: refused everywhere within 1 s")
@guarded(session_required, own_key)
async def revoke_key(request: Request, key_id: str) -> Response:
    await api_keys.revoke_key(gateway_of(request), actor_of(request), key_id)
    return answer(status=204)


def _change(key: ApiKey, body: ChangeKeyBody) -> dict[str, object]:
    """What the body names, checked."""
    change: dict[str, object] = {}
    if "name" in body.model_fields_set:
        change["name"] = valid_name(body.name)
    if "scopes" in body.model_fields_set:
        change["scopes"] = valid_scopes(body.scopes)
    if "allowed_ips" in body.model_fields_set:
        change["allowed_ips"] = valid_networks(body.allowed_ips)
    if "limits" in body.model_fields_set:
        change["limits"] = lowered_by_customer(key.limits, body.limits.change())
    return change


def _keeping(claimed: Claim) -> Keep[api_keys.CreatedKey, Response]:
    async def keep(connection: Connection, created: api_keys.CreatedKey) -> Response:
        return await claimed.keep(connection, 201, created_key_out(created))

    return keep
