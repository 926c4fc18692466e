"""What an account's owner reads and changes of it."""

from collections.abc import Mapping

from services.gateway.domain.account import Account
from services.gateway.service import Gateway
from services.gateway.store import accounts
from services.gateway.use_cases.changing import changing
from shared import audit, changes, outbox
from shared.errors import NotFound


async def read_account(gateway: Gateway, account_id: str) -> Account:
    async with gateway.database.transaction() as connection:
        account = await accounts.get(connection, gateway.vault, account_id)
    if account is None:
        raise NotFound("account")
    return account


async def change_profile(
    gateway: Gateway, actor: audit.Actor, account_id: str, change: Mapping[str, str | None]
) -> Account:
    """Set `name`, `country`, or both; checked already. Nothing to set: nothing is written."""
    if not change:
        return await read_account(gateway, account_id)
    at = gateway.clock.now()
    async with changing(gateway) as connection:
        account = await accounts.update(connection, gateway.vault, account_id, change, at=at)
        await changes.note(connection, "account", account_id)
        fields: dict[str, object] = {"fields": sorted(change)}
        await outbox.publish(connection, "account.updated", account_id, fields, at=at)
        await audit.write(connection, actor, "account.updated", account_id, fields, at=at)
    return account
