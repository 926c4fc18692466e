"""The account itself, for its owner."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.api.accounts_wire import AccountView, account_out
from services.gateway.api.guards import actor_of, gateway_of, session_required
from services.gateway.domain.account import valid_name
from services.gateway.domain.country import valid_country
from services.gateway.use_cases.profile import change_profile, read_account
from shared.doors import Change, StrictRoute, answer, guarded

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/account", tags=["accounts"])


class ProfileBody(Change):
    """What changes; null takes a value away, what is left out stays."""

    name: str | None = None
    country: str | None = None


@router.get("", response_model=AccountView, summary="The account")
@guarded(session_required)
async def get_account(request: Request) -> Response:
    return answer(account_out(await read_account(gateway_of(request), request.state.identity.account_id)))


@router.patch("", response_model=AccountView, summary="Change the account's name or country")
@guarded(session_required)
async def patch_account(request: Request, body: ProfileBody) -> Response:
    change: dict[str, str | None] = {}
    if "name" in body.model_fields_set:
        change["name"] = None if body.name is None else valid_name(body.name)
    if "country" in body.model_fields_set:
        change["country"] = None if body.country is None else valid_country(body.country)
    account_id = request.state.identity.account_id
    return answer(account_out(await change_profile(gateway_of(request), actor_of(request), account_id, change)))
