"""Licensing, which makes a license of each subscription that was paid, as billing asks it."""

import asyncio
from collections.abc import Iterable, Mapping

from shared.http_client import ServiceClient, SiblingUnavailable

_OK = 200
_DEADLINE_SECONDS = 1.0
_AT_ONCE = 8


class Licensing:
    """Licensing's inner door."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def licenses_of(self, subscription_ids: Iterable[str]) -> Mapping[str, str]:
        """The license's id of each subscription that has one. Empty while licensing is away: who asks shows what there
        is."""
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(subscription_id: str) -> tuple[str, str | None]:
            async with turns:
                return subscription_id, await self._license_of(subscription_id)

        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                found = await asyncio.gather(*(one(each) for each in subscription_ids))
        except (SiblingUnavailable, TimeoutError):
            return {}
        return {subscription_id: license_id for subscription_id, license_id in found if license_id is not None}

    async def _license_of(self, subscription_id: str) -> str | None:
        response = await self._client.get(f"/internal/v1/subscriptions/{subscription_id}/license")
        return str(response.json()["license_id"]) if response.status_code == _OK else None

    async def close(self) -> None:
        await self._client.close()
