"""The device that an account brings along (U12): held while the account is being made, the account's once it is."""

import contextlib
from collections.abc import AsyncIterator

from services.gateway.clients.devices import FraudUnavailable
from services.gateway.service import Gateway
from shared.contracts.devices import PREFIX
from shared.errors import Invalid
from shared.ids import decode
from shared.telemetry import logger


def checked_device(device_id: str | None) -> str | None:
    """`device_id` in the shape that devices' ids have, or Invalid."""
    if device_id is not None and decode(PREFIX, device_id) is None:
        raise _no_such_device()
    return device_id


@contextlib.asynccontextmanager
async def bringing(gateway: Gateway, device_id: str | None, *, account_id: str) -> AsyncIterator[None]:
    """Make the account inside the block. Where that fails nothing is claimed: the hold is given back, or ends by
    itself. Raises Invalid where there is no such device or another has it, and FraudUnavailable.

    Should fraud be lost between, the account is there and the device nobody's: the first payment claims it.
    """
    if device_id is None:
        yield
        return
    if not await gateway.devices.hold(device_id, account_id=account_id):
        raise _no_such_device()
    try:
        yield
    except BaseException:
        await _release(gateway, device_id, account_id=account_id)
        raise
    await _claim(gateway, device_id, account_id=account_id)


async def _claim(gateway: Gateway, device_id: str, *, account_id: str) -> None:
    try:
        claimed = await gateway.devices.claim(device_id, account_id=account_id)
    except FraudUnavailable:
        claimed = False
    if not claimed:
        logger.warning("device_not_claimed", device_id=device_id, account_id=account_id)


async def _release(gateway: Gateway, device_id: str, *, account_id: str) -> None:
    try:
        await gateway.devices.release(device_id, account_id=account_id)
    except FraudUnavailable:
        logger.warning("device_hold_left_to_end", device_id=device_id)


def _no_such_device() -> Invalid:
    return Invalid("/device_id", "There is no such device, or it is another account's.")
