"""`/api/v1/devices`: registered by anybody, listed by whose they are; what operators see of all (U12)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.fraud.domain.device import LONGEST_FINGERPRINT, Device, each_once
from services.fraud.service import Fraud
from services.fraud.use_cases import devices
from services.fraud.use_cases.devices import Wish
from shared.contracts.devices import (
    CAPABILITIES,
    CLAIMS,
    LONGEST_HOLD_SECONDS,
    PREFIX,
    RELEASE,
    STATISTICS,
    Capability,
    DeviceFacts,
    DeviceStatistics,
    DeviceType,
)
from shared.db import Connection
from shared.doors import (
    StrictRoute,
    Text,
    Wire,
    answer,
    guarded,
    refuses,
    takes_idempotency_key,
)
from shared.doors.idempotent import idempotently
from shared.doors.lists import After, Limit, Page, checked_cursor, page
from shared.errors import DomainError
from shared.idempotency import Claim
from shared.service_auth import IP_HEADER, caller_required, operator_required, refused, service_required

PATH = "/api/v1/devices"
LONGEST_ID = 64

router = APIRouter(route_class=StrictRoute, tags=["devices"])
operators = APIRouter(route_class=StrictRoute, tags=["operators"])
internal = APIRouter(route_class=StrictRoute, include_in_schema=False)

AccountId = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("must be text that can be printed")
    return value


class DeviceBody(Wire):
    """A device. `fingerprint` is whatever tells it from others, as the caller's software makes it; it is never shown
    again."""

    type: DeviceType
    fingerprint: Annotated[str, Field(min_length=1, max_length=LONGEST_FINGERPRINT), AfterValidator(_printable)]
    capabilities: Annotated[tuple[Capability, ...], Field(strict=False, max_length=len(CAPABILITIES))]
    name: Text | None = None


class DeviceView(TypedDict):
    """`payments` counts those that were judged with the device."""

    id: str
    type: DeviceType
    capabilities: list[Capability]
    name: str | None
    payments: int
    last_used_at: datetime | None
    created_at: datetime


class ClaimBody(Wire):
    account_id: AccountId
    for_seconds: Annotated[int, Field(ge=1, le=LONGEST_HOLD_SECONDS)] | None = None


class ReleaseBody(Wire):
    account_id: AccountId


@refuses("unauthenticated", "session_required", "account_suspended")
async def account_or_nobody(request: Request) -> None:
    """Guard: an account that may write, or nobody, whose request the gateway brings as its own."""
    try:
        await service_required(request)
    except DomainError:
        await caller_required(request)
        if request.state.caller.status == "suspended":
            raise DomainError(
                "account_suspended", "This account is suspended: it can read, and change nothing."
            ) from None
        return
    if request.state.caller.account_id != "gateway":
        raise refused()
    request.state.caller = None


@router.post(
    PATH,
    status_code=201,
    response_model=DeviceView,
    summary="Register a device",
    openapi_extra={"security": [{}, {"session": []}]},
)
@guarded(account_or_nobody)
@refuses("rate_limited")
@takes_idempotency_key
async def register(request: Request, body: DeviceBody) -> Response:
    """Signed in, the device is the account's. Without a session it is nobody's until it is named as `device_id`: at
    registration, in a checkout or a payment. 5 an hour from one address."""
    fraud, caller = _fraud(request), request.state.caller
    address = request.headers.get(IP_HEADER, "")
    account_id = None if caller is None else caller.account_id
    wish = Wish(body.type, body.fingerprint, each_once(body.capabilities), body.name, account_id)

    async def work(claim: Claim) -> Response:
        async def keep(connection: Connection, device: Device) -> Response:
            return await claim.keep(connection, 201, _view(device))

        return await devices.register_device(fraud, wish, address=address, keep=keep)

    return await idempotently(request, account_id or f"caller:{devices.address_digest(fraud, address)}", work)


@router.get(PATH, response_model=Page[DeviceView], summary="The account's devices, newest first")
@guarded(caller_required)
async def list_own(request: Request, limit: Limit = 20, after: After = None) -> Response:
    account_id, cursor = request.state.caller.account_id, checked_cursor(PREFIX, after)
    found = await devices.list_devices(_fraud(request), account_id, after=cursor, limit=limit + 1)
    return page(found, limit, _view)


@operators.get(
    "/api/v1/admin/devices/statistics",
    response_model=DeviceStatistics,
    summary="Devices by type, capability and use",
)
@guarded(operator_required)
async def statistics_for_operators(request: Request) -> Response:
    """A device counts once for its type, and once for each of its capabilities. Devices that nobody claims are
    forgotten after a while."""
    return answer(await devices.device_statistics(_fraud(request)))


@internal.get(STATISTICS)
@guarded(service_required)
async def statistics(request: Request) -> Response:
    """As `shared.contracts.devices` has it."""
    return answer(await devices.device_statistics(_fraud(request)))


@internal.post(CLAIMS)
@guarded(service_required)
async def claim(request: Request, device_id: str, body: ClaimBody) -> Response:
    """The device, the account's from now on, or held for it."""
    account_id, for_seconds = body.account_id, body.for_seconds
    fraud = _fraud(request)
    return answer(_facts(await devices.claim_device(fraud, device_id, account_id=account_id, for_seconds=for_seconds)))


@internal.post(RELEASE, status_code=204)
@guarded(service_required)
async def release(request: Request, device_id: str, body: ReleaseBody) -> Response:
    """End the account's hold."""
    await devices.release_device(_fraud(request), device_id, account_id=body.account_id)
    return answer(status=204)


def _fraud(request: Request) -> Fraud:
    fraud = request.app.state.service
    assert isinstance(fraud, Fraud)
    return fraud


def _view(device: Device) -> DeviceView:
    return {
        "id": device.id,
        "type": device.type,
        "capabilities": list(device.capabilities),
        "name": device.name,
        "payments": device.payments,
        "last_used_at": device.last_used_at,
        "created_at": device.created_at,
    }


def _facts(device: Device) -> DeviceFacts:
    return {
        "id": device.id,
        "type": device.type,
        "capabilities": list(device.capabilities),
        "account_id": device.account_id,
    }
