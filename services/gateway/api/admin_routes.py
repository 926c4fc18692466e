"""Routes of the paid API, for operators. What goes upstream as a header is written here and never shown."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.gateway.api.guards import actor_of, gateway_of, operator_required
from services.gateway.store.connection import Connection
from services.gateway.store.routes import KeptRoute
from services.gateway.use_cases import admin_routes
from services.gateway.use_cases.admin_routes import PriceParts, RouteWish
from shared.doors import (
    Change,
    CreditsField,
    StrictRoute,
    Wire,
    answer,
    guarded,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, invalid_cursor, page
from shared.idempotency import Claim
from shared.money import Credits

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/admin/routes", tags=["operators"])

MOST_HEADERS = 50
LONGEST_TIMEOUT_MS = 3_600_000


def _not_negative(value: Credits) -> Credits:
    if value.millicredits < 0:
        raise ValueError("must not be negative")
    return value


def _above_zero(value: Credits) -> Credits:
    if value.millicredits <= 0:
        raise ValueError("must be above 0")
    return value


PricePart = Annotated[CreditsField, AfterValidator(_not_negative)]
MaxHold = Annotated[CreditsField, AfterValidator(_above_zero)]
TimeoutMs = Annotated[int, Field(ge=1, le=LONGEST_TIMEOUT_MS)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Headers = Annotated[dict[str, str], Field(max_length=MOST_HEADERS)]
Format = Literal["auto", "raw", "openai", "anthropic"]
Status = Literal["live", "retired"]

_ZERO = Credits(0)


class PriceBody(Wire):
    """Credits. The parts that are set add up; the minimum is a floor."""

    per_call: PricePart = _ZERO
    per_1000_tokens: PricePart = _ZERO
    per_unit: PricePart = _ZERO
    minimum: PricePart = _ZERO

    def parts(self) -> PriceParts:
        return PriceParts(
            self.per_call.millicredits,
            self.per_1000_tokens.millicredits,
            self.per_unit.millicredits,
            self.minimum.millicredits,
        )


class CreateRouteBody(Wire):
    """A new route; what is left out has its default."""

    name: Name
    upstream_url: Url
    price: PriceBody
    format: Format = "auto"
    upstream_headers: Headers | None = None
    max_hold: MaxHold = Credits(admin_routes.DEFAULT_MAX_HOLD)
    timeout_ms: TimeoutMs = admin_routes.DEFAULT_TIMEOUT_MS
    status: Status = "live"
    charge_errors: bool = False

    def wish(self) -> RouteWish:
        return RouteWish(
            name=self.name,
            upstream_url=self.upstream_url,
            price=self.price.parts(),
            format=self.format,
            upstream_headers=self.upstream_headers,
            max_hold=self.max_hold.millicredits,
            timeout_ms=self.timeout_ms,
            status=self.status,
            charge_errors=self.charge_errors,
        )


class ChangeRouteBody(Change):
    """What is left out stays. A price is set as a whole, `upstream_headers` too; null takes them away."""

    name: Name = ""
    upstream_url: Url = ""
    price: PriceBody = PriceBody()
    format: Format = "auto"
    upstream_headers: Headers | None = None
    max_hold: MaxHold = Credits(admin_routes.DEFAULT_MAX_HOLD)
    timeout_ms: TimeoutMs = admin_routes.DEFAULT_TIMEOUT_MS
    status: Status = "live"
    charge_errors: bool = False

    def change(self) -> dict[str, Any]:
        change = {name: getattr(self, name) for name in self.model_fields_set}
        if "price" in change:
            change["price"] = self.price.parts()
        if "max_hold" in change:
            change["max_hold"] = self.max_hold.millicredits
        return change


class PriceView(TypedDict):
    per_call: CreditsField
    per_1000_tokens: CreditsField
    per_unit: CreditsField
    minimum: CreditsField


class RouteView(TypedDict):
    """A route; what goes upstream as a header is never shown."""

    id: str
    name: str
    upstream_url: str
    format: Format
    price: PriceView
    price_version: int
    max_hold: CreditsField
    timeout_ms: int
    status: Status
    charge_errors: bool
    created_at: datetime
    updated_at: datetime


@refuses("not_found")
async def known_route(request: Request) -> None:
    """Guard: the path names a route; else 404."""
    request.state.route = await admin_routes.read_route(gateway_of(request), request.path_params["route_id"])


@router.get("", response_model=Page[RouteView], summary="All routes, newest first")
@guarded(operator_required)
async def list_routes(request: Request, limit: Limit = 20, after: After = None) -> Response:
    cursor = checked_cursor(admin_routes.ROUTE_PREFIX, after)
    found = await admin_routes.list_routes(gateway_of(request), after=cursor, limit=limit)
    if found is None:
        raise invalid_cursor()
    return page(found, limit, _shown)


@router.post("", status_code=201, response_model=RouteView, summary="Sell an API under /proxy/{name}")
@guarded(operator_required)
@refuses("name_taken")
@takes_idempotency_key
async def create_route(request: Request, body: CreateRouteBody) -> Response:
    async def work(claimed: Claim) -> Response:
        async def keep(connection: Connection, made: KeptRoute) -> Response:
            return await claimed.keep(connection, 201, _shown(made))

        return await admin_routes.create_route(gateway_of(request), actor_of(request), body.wish(), keep=keep)

    return await idempotently(request, request.state.identity.account_id, work)


@router.get("/{route_id}", response_model=RouteView, summary="One route")
@guarded(operator_required, known_route)
async def get_route(request: Request, route_id: str) -> Response:
    return answer(_shown(request.state.route))


@router.patch("/{route_id}", response_model=RouteView, summary="Change a route; another price is a new version")
@guarded(operator_required, known_route)
@refuses("name_taken")
async def change_route(request: Request, route_id: str, body: ChangeRouteBody) -> Response:
    changed = await admin_routes.change_route(gateway_of(request), actor_of(request), route_id, body.change())
    return answer(_shown(changed))


@router.delete("/{route_id}", status_code=204, summary="Take a route away")
@guarded(operator_required, known_route)
async def delete_route(request: Request, route_id: str) -> Response:
    await admin_routes.delete_route(gateway_of(request), actor_of(request), route_id)
    return answer(status=204)


def _shown(kept: KeptRoute) -> RouteView:
    route, price = kept.route, kept.route.price
    return {
        "id": route.id,
        "name": route.name,
        "upstream_url": route.upstream_url,
        "format": route.format,
        "price": {
            "per_call": Credits(price.per_call),
            "per_1000_tokens": Credits(price.per_1000_tokens),
            "per_unit": Credits(price.per_unit),
            "minimum": Credits(price.minimum),
        },
        "price_version": price.version,
        "max_hold": Credits(route.max_hold),
        "timeout_ms": route.timeout_ms,
        "status": route.status,
        "charge_errors": route.charge_errors,
        "created_at": kept.created_at,
        "updated_at": kept.updated_at,
    }
