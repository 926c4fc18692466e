"""Fraud's devices, as accounts that are being made claim them (shared/contracts/devices.py)."""

from shared.contracts.devices import Claim, Release, claims_path, release_path
from shared.errors import DomainError
from shared.http_client import ServiceClient, SiblingUnavailable

DEADLINE_SECONDS = 2.0
HOLD_SECONDS = 15
_OK, _NOT_FOUND = 200, 404


class FraudUnavailable(DomainError):
    """Fraud did not answer in time, so whose a device is can't be told."""

    def __init__(self) -> None:
        super().__init__(
            "service_unavailable", "Devices can't be checked at this moment. Try again.", headers={"Retry-After": "1"}
        )


class Devices:
    """Ids are well-formed: they become part of a path. Each call may be repeated."""

    def __init__(self, fraud: ServiceClient) -> None:
        self._fraud = fraud

    async def hold(self, device_id: str, *, account_id: str) -> bool:
        """Keep the device for this account for some seconds; whether it may have it. Raises FraudUnavailable."""
        return await self._claim(device_id, {"account_id": account_id, "for_seconds": HOLD_SECONDS})

    async def claim(self, device_id: str, *, account_id: str) -> bool:
        """Make the device this account's for good; whether it is. Raises FraudUnavailable."""
        return await self._claim(device_id, {"account_id": account_id})

    async def release(self, device_id: str, *, account_id: str) -> None:
        """End this account's hold. Raises FraudUnavailable."""
        body: Release = {"account_id": account_id}
        await self._post(release_path(device_id), body)

    async def _claim(self, device_id: str, body: Claim) -> bool:
        status = await self._post(claims_path(device_id), body)
        if status not in (_OK, _NOT_FOUND):
            raise FraudUnavailable
        return status == _OK

    async def _post(self, path: str, body: Claim | Release) -> int:
        try:
            answer = await self._fraud.post(path, body, idempotent=True, deadline_seconds=DEADLINE_SECONDS)
        except SiblingUnavailable as error:
            raise FraudUnavailable from error
        return answer.status_code
