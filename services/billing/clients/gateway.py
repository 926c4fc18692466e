"""The gateway, which owns accounts, as billing asks it."""

from dataclasses import dataclass
from typing import Literal

from shared.http_client import ServiceClient, SiblingUnavailable

_OK, _NOT_FOUND = 200, 404


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """An account as the gateway knows it; `credit_limit_minor` (US cents) overrides the tier's."""

    tier: Literal["new", "verified", "enterprise"]
    status: str
    credit_limit_minor: int | None


class Gateway:
    """The gateway's inner door."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    @property
    def client(self) -> ServiceClient:
        """The gateway as mails are handed to it."""
        return self._client

    async def has_account(self, account_id: str) -> bool:
        """Whether the account exists. Raises SiblingUnavailable."""
        response = await self._client.get(f"/internal/v1/accounts/{account_id}")
        if response.status_code not in (_OK, _NOT_FOUND):
            raise SiblingUnavailable(f"gateway: {response.status_code}")
        return response.status_code == _OK

    async def account(self, account_id: str) -> AccountFacts | None:
        """What decides how an account may pay; None where there is no such account. Raises SiblingUnavailable."""
        response = await self._client.get(f"/internal/v1/accounts/{account_id}")
        if response.status_code == _NOT_FOUND:
            return None
        if response.status_code != _OK:
            raise SiblingUnavailable(f"gateway: {response.status_code}")
        told = response.json()
        return AccountFacts(told["tier"], told["status"], told["credit_limit_minor"])

    async def answers(self) -> bool:
        """Whether it is there."""
        return await self._client.answers()

    async def close(self) -> None:
        await self._client.close()
