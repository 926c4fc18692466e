"""The gateway, which owns accounts, as billing asks it."""

from shared.http_client import ServiceClient


class Gateway:
    """The gateway's inner door."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def answers(self) -> bool:
        """Whether it is there."""
        return await self._client.answers()

    async def close(self) -> None:
        await self._client.close()
