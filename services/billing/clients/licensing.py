"""Licensing, which makes a license of each subscription that was paid, as billing asks it."""

import asyncio
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from shared.contracts.licenses import LICENSES_PATH
from shared.http_client import ServiceClient, SiblingUnavailable

_OK = 200
_DEADLINE_SECONDS = 1.0


class Licensing:
    """Licensing's inner door."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    @property
    def client(self) -> ServiceClient:
        """For whoever reads its news."""
        return self._client

    async def licenses_of(self, subscription_ids: Iterable[str]) -> Mapping[str, str]:
        """The license's id of each subscription of a page that has one. Empty while licensing is away: who asks shows
        what there is."""
        asked = [("subscription", subscription_id) for subscription_id in subscription_ids]
        if not asked:
            return {}
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                response = await self._client.get(f"{LICENSES_PATH}?{urlencode(asked)}")
        except (SiblingUnavailable, TimeoutError):
            return {}
        return dict(response.json()["licenses"]) if response.status_code == _OK else {}

    async def close(self) -> None:
        await self._client.close()
