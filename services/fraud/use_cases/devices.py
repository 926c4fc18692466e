"""Devices come, are claimed, are counted and forgotten (U12)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from prometheus_client import Counter

from services.fraud.domain.device import Device, Hold, may_claim
from services.fraud.domain.device_limit import too_many
from services.fraud.domain.device_statistics import statistics_of
from services.fraud.service import Fraud
from services.fraud.store import devices
from shared import outbox
from shared.contracts.devices import CLAIMED, PREFIX, REGISTERED, Capability, DeviceStatistics, DeviceType
from shared.crypto import blind_index
from shared.db import Connection
from shared.errors import DomainError, NotFound
from shared.ids import new_id
from shared.telemetry import REGISTRY, logger
from shared.window_limit import Full, caller_at

T = TypeVar("T")
Keep = Callable[[Connection, Device], Awaitable[T]]

DAY, MONTH = timedelta(days=1), timedelta(days=30)

_REGISTERED = Counter("tollgate_devices_registered", "Devices registered, by type.", ["type"], registry=REGISTRY)


@dataclass(frozen=True, slots=True, repr=False)
class Wish:
    """A device that is to be registered, for an account or for nobody yet. It has no repr: the fingerprint is in it."""

    type: DeviceType
    fingerprint: str
    capabilities: tuple[Capability, ...]
    name: str | None
    account_id: str | None


async def register_device(fraud: Fraud, wish: Wish, *, address: str, keep: Keep[T]) -> T:
    """Put a device on record. `keep` saves the answer in the same transaction. Raises `rate_limited`: what does not
    come to be does not count."""
    at = fraud.clock.now()
    device = Device(
        id=new_id(PREFIX, at=at),
        type=wish.type,
        capabilities=wish.capabilities,
        name=wish.name,
        account_id=wish.account_id,
        created_at=at,
    )
    async with _counted(fraud, address), fraud.database.transaction() as connection:
        digest = fingerprint_digest(wish.fingerprint, fraud.settings.blind_index_key)
        await devices.insert(connection, device, fingerprint=digest, keys=fraud.settings.seal_keys)
        await outbox.publish(connection, REGISTERED, device.id, _facts(device), at=at)
        answer = await keep(connection, device)
    _REGISTERED.labels(device.type).inc()
    logger.info("device_registered", device_id=device.id, type=device.type, account_id=device.account_id)
    return answer


@asynccontextmanager
async def _counted(fraud: Fraud, address: str) -> AsyncIterator[None]:
    """Take one of the places that the address has in an hour (U10), and give it back where nothing comes of it."""
    most = fraud.settings.device_registrations_per_hour
    place = await fraud.registrations.take(f"address:{address_digest(fraud, address)}", most=most)
    if isinstance(place, Full):
        raise too_many(place.retry_after_ms, most=most)
    try:
        yield
    except BaseException:
        await fraud.registrations.give_back(place)
        raise


async def list_devices(fraud: Fraud, account_id: str, *, after: str | None, limit: int) -> Sequence[Device]:
    """Up to `limit` of the account's devices, the newest first. Raises `invalid_cursor`."""
    async with fraud.database.transaction() as connection:
        if after is not None and not await devices.is_of(connection, after, account_id=account_id):
            raise DomainError("invalid_cursor", "There is no device of yours with the id that `after` names.")
        return await devices.page(connection, account_id, after=after, limit=limit, keys=fraud.settings.seal_keys)


async def claim_device(fraud: Fraud, device_id: str, *, account_id: str, for_seconds: int | None) -> Device:
    """The device, the account's from now on, or held for it. Raises NotFound for an unknown one, another account's,
    and one that is held for another. Claims of one device take turns; to claim one's own again changes nothing."""
    at, real_now = fraud.clock.now(), fraud.clock.real_now()
    async with fraud.database.transaction() as connection:
        device = await devices.locked(connection, device_id, keys=fraud.settings.seal_keys)
        if device is None or not may_claim(device, account_id, real_now=real_now):
            raise NotFound("device")
        if device.account_id == account_id:
            return device
        if for_seconds is not None:
            until = real_now + timedelta(seconds=for_seconds)
            await devices.hold(connection, device_id, Hold(account_id, until))
            return device
        await devices.give(connection, device_id, account_id=account_id, at=at)
        facts: dict[str, object] = {"device_id": device_id, "account_id": account_id}
        await outbox.publish(connection, CLAIMED, device_id, facts, at=at)
    logger.info("device_claimed", device_id=device_id, account_id=account_id)
    return replace(device, account_id=account_id, hold=None)


async def release_device(fraud: Fraud, device_id: str, *, account_id: str) -> None:
    """End the account's hold on a device, if it has one."""
    async with fraud.database.transaction() as connection:
        await devices.release(connection, device_id, account_id=account_id)


async def device_statistics(fraud: Fraud) -> DeviceStatistics:
    """All devices on record, by type, capability and use."""
    now = fraud.clock.now()
    async with fraud.database.transaction() as connection:
        return statistics_of(await devices.groups(connection, day_ago=now - DAY, month_ago=now - MONTH))


async def forget_unclaimed(fraud: Fraud) -> bool:
    """Delete a page of the devices that nobody claimed in time; whether there may be more."""
    oldest = fraud.clock.now() - timedelta(days=fraud.settings.device_unclaimed_days)
    async with fraud.database.transaction() as connection:
        return await devices.forget_unclaimed(connection, registered_before=oldest) == devices.PURGE_PAGE


def fingerprint_digest(fingerprint: str, key: bytes) -> str:
    """What is kept of a fingerprint."""
    return blind_index(f"device:{fingerprint}", key)


def address_digest(fraud: Fraud, address: str) -> str:
    """Who registers, as far as an address tells."""
    return blind_index(f"caller:{caller_at(address)}", fraud.settings.blind_index_key)


def _facts(device: Device) -> dict[str, object]:
    return {
        "device_id": device.id,
        "type": device.type,
        "capabilities": list(device.capabilities),
        "account_id": device.account_id,
    }
