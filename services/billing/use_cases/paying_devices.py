"""Whether an account may pay with a device (S13): its own, or one that is nobody's yet, which it claims by that."""

from services.billing.clients.fraud import FraudUnavailable
from services.billing.domain.paying_device import PayingDevice
from services.billing.service import Billing
from services.billing.store import devices
from shared.contracts.devices import PREFIX
from shared.errors import DomainError, Invalid
from shared.ids import decode


async def device_of(billing: Billing, account_id: str, device_id: str) -> PayingDevice:
    """The account's device. One that the feed has not told of as the account's is claimed at fraud. Raises Invalid
    where there is none, or it is another's, which are not told apart; `service_unavailable` where only fraud could
    tell and is away."""
    if decode(PREFIX, device_id) is None:
        raise _unknown()
    async with billing.database.transaction() as connection:
        own = await devices.of_account(connection, account_id, device_id)
    if own is not None:
        return own
    try:
        claimed = await billing.fraud.claim_device(device_id, account_id)
    except FraudUnavailable as error:
        raise DomainError(
            "service_unavailable",
            "Devices can't be looked up at the moment. Nothing was reserved; try again shortly.",
            headers={"Retry-After": "5"},
        ) from error
    if claimed is None:
        raise _unknown()
    return PayingDevice(claimed["id"], claimed["type"], tuple(claimed["capabilities"]))


def _unknown() -> Invalid:
    return Invalid("/device_id", "no such device")
