"""Accounts, for operators."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response

from services.gateway.api.accounts_wire import LIMIT_CURRENCY, AccountForOperatorsView, account_for_operators
from services.gateway.api.guards import actor_of, gateway_of, operator_required
from services.gateway.domain.account import Account
from services.gateway.use_cases import operators
from services.gateway.use_cases.profile import read_account
from shared.doors import Change, StrictRoute, Wire, answer, guarded, refuses
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page
from shared.doors.wire import MAX_MINOR

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin", tags=["operators"])


def _in_dollars(currency: str) -> str:
    if currency != LIMIT_CURRENCY:
        raise ValueError("must be usd")
    return currency


class CreditLimit(Wire):
    """Money that may be paid in within a rolling 24 hours (S14)."""

    amount: Annotated[int, Field(ge=0, le=MAX_MINOR)]
    currency: Annotated[str, AfterValidator(_in_dollars)]


class ChangeAccountBody(Change):
    """What is left out stays; a credit limit of null is the tier's own."""

    tier: Literal["new", "verified", "enterprise"] = "new"
    status: Literal["active", "suspended"] = "active"
    credit_limit: CreditLimit | None = None


@refuses("not_found")
async def known_account(request: Request) -> None:
    """Guard: the path names an account; else 404."""
    request.state.account = await read_account(gateway_of(request), request.path_params["account_id"])


@router.get("/accounts", response_model=Page[AccountForOperatorsView], summary="All accounts")
@guarded(operator_required)
async def list_accounts(request: Request, limit: Limit = 20, after: After = None) -> Response:
    gateway = gateway_of(request)
    found = await operators.list_accounts(gateway, after=checked_cursor("acct", after), limit=limit + 1)
    if found is None:
        raise invalid_cursor()
    shown = [account.identity.account_id for account in found[:limit]]
    standings = dict(zip(shown, await operators.standings_of(gateway, shown), strict=True))
    return page(found, limit, lambda one: account_for_operators(one, standings[one.identity.account_id]))


@router.get("/accounts/{account_id}", response_model=AccountForOperatorsView, summary="One account")
@guarded(operator_required, known_account)
async def get_account(request: Request, account_id: str) -> Response:
    return await _shown(request, request.state.account)


@router.patch(
    "/accounts/{account_id}",
    response_model=AccountForOperatorsView,
    summary="Set an account's tier, status or credit limit",
)
@guarded(operator_required, known_account)
async def change_account(request: Request, account_id: str, body: ChangeAccountBody) -> Response:
    change: dict[str, object] = {}
    if "tier" in body.model_fields_set:
        change["tier"] = body.tier
    if "status" in body.model_fields_set:
        change["status"] = body.status
    if "credit_limit" in body.model_fields_set:
        change["credit_limit_minor"] = body.credit_limit.amount if body.credit_limit else None
    return await _shown(
        request, await operators.change_account(gateway_of(request), actor_of(request), account_id, change)
    )


async def _shown(request: Request, account: Account) -> Response:
    standing = await operators.standing_of(gateway_of(request), account.identity.account_id)
    return answer(account_for_operators(account, standing))
