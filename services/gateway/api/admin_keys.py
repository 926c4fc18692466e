"""Keys and their limits, for operators (S2)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.gateway.api.accounts_wire import ApiKeyForOperatorsView, key_for_operators
from services.gateway.api.guards import actor_of, gateway_of, operator_required
from services.gateway.api.keys import Calls
from services.gateway.domain.api_key_limits import Limits, LimitsChange
from services.gateway.use_cases import operators
from shared import ids
from shared.doors import Change, StrictRoute, Wire, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page
from shared.errors import Invalid

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin/api-keys", tags=["operators"])

AccountId = Annotated[str | None, Query(max_length=64, description="Only this account's keys.")]


class OperatorLimitsBody(Change):
    """What is left out stays; null lifts a limit."""

    per_minute: Calls | None = None
    per_day: Calls | None = None

    def change(self) -> LimitsChange:
        return LimitsChange(frozenset(self.model_fields_set), Limits(self.per_minute, self.per_day))


class ChangeLimitsBody(Wire):
    limits: OperatorLimitsBody


@refuses("not_found")
async def live_key(request: Request) -> None:
    """Guard: the path names a live key, whoever's; else 404."""
    request.state.api_key = await operators.live_key(gateway_of(request), request.path_params["key_id"])


@router.get("", response_model=Page[ApiKeyForOperatorsView], summary="All live keys, never the keys themselves")
@guarded(operator_required)
async def list_keys(request: Request, limit: Limit = 20, after: After = None, account_id: AccountId = None) -> Response:
    if account_id is not None and ids.decode("acct", account_id) is None:
        raise Invalid("query:/account_id", "must be an account's id")
    cursor = checked_cursor("key", after)
    found = await operators.list_all_keys(gateway_of(request), account_id=account_id, after=cursor, limit=limit + 1)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, key_for_operators)


@router.get("/{key_id}", response_model=ApiKeyForOperatorsView, summary="One key")
@guarded(operator_required, live_key)
async def get_key(request: Request, key_id: str) -> Response:
    return answer(key_for_operators(request.state.api_key))


@router.patch("/{key_id}", response_model=ApiKeyForOperatorsView, summary="Set a key's limits; null lifts one")
@guarded(operator_required, live_key)
async def set_limits(request: Request, key_id: str, body: ChangeLimitsBody) -> Response:
    key = await operators.set_key_limits(gateway_of(request), actor_of(request), key_id, body.limits.change())
    return answer(key_for_operators(key))
