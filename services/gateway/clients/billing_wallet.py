"""What billing says of an account's wallet. The gateway keeps no balance of its own."""

from dataclasses import dataclass
from typing import Literal

from shared.contracts.ledger import WalletState
from shared.errors import DomainError
from shared.http_client import ServiceClient, SiblingUnavailable

DEADLINE_SECONDS = 2.0


class BillingUnavailable(DomainError):
    """Billing did not answer in time, so nothing that depends on credits is done."""

    def __init__(self) -> None:
        super().__init__(
            "billing_unavailable", "Credits can't be checked at this moment. Try again.", headers={"Retry-After": "1"}
        )


Standing = Literal["good", "negative_balance", "disputed"]


@dataclass(frozen=True, slots=True)
class Wallet:
    """Millicredits that may be spent, why the account is frozen, if it is, and how it stands with billing."""

    available: int
    frozen_reason: Literal["negative_balance", "dispute"] | None
    standing: Standing


class Wallets:
    """`GET /internal/v1/wallets/{account_id}`."""

    def __init__(self, billing: ServiceClient) -> None:
        self._billing = billing

    async def get(self, account_id: str) -> Wallet:
        """The wallet as it is now; BillingUnavailable without an answer within 2 s."""
        path = f"/internal/v1/wallets/{account_id}"
        try:
            answer = await self._billing.get(path, deadline_seconds=DEADLINE_SECONDS)
        except SiblingUnavailable as error:
            raise BillingUnavailable from error
        if answer.status_code != 200:
            raise BillingUnavailable
        state: WalletState = answer.json()
        return Wallet(state["available"], state["frozen_reason"], state["standing"])
