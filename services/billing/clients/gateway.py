"""The gateway, which owns accounts, as billing asks it."""

from shared.http_client import ServiceClient, SiblingUnavailable

_OK, _NOT_FOUND = 200, 404


class Gateway:
    """The gateway's inner door."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def has_account(self, account_id: str) -> bool:
        """Whether the account exists. Raises SiblingUnavailable."""
        response = await self._client.get(f"/internal/v1/accounts/{account_id}")
        if response.status_code not in (_OK, _NOT_FOUND):
            raise SiblingUnavailable(f"gateway: {response.status_code}")
        return response.status_code == _OK

    async def answers(self) -> bool:
        """Whether it is there."""
        return await self._client.answers()

    async def close(self) -> None:
        await self._client.close()
