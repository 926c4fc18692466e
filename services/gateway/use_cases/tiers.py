"""Verifying accounts by themselves (S14): an account whose address is confirmed, and one of whose payments is a week
old and neither given back nor disputed, is `verified` from then on. One whose tier an operator ever set is left
alone."""

from datetime import datetime, timedelta

from services.gateway.service import Gateway
from services.gateway.store import accounts, paid_payments
from services.gateway.use_cases.changing import changing
from shared import audit, changes, outbox
from shared.telemetry import logger

VERIFY_EVERY_SECONDS = 10.0


async def verify_due(gateway: Gateway) -> bool:
    """Verify a page of accounts; whether there may be more. Safe to run twice at once."""
    paid_before = gateway.clock.now() - _age(gateway)
    async with gateway.database.transaction() as connection:
        await paid_payments.forget_settled(connection)
        due = await paid_payments.accounts_to_verify(connection, paid_before=paid_before)
    for account_id in due:
        await _verify(gateway, account_id, paid_before)
    return len(due) == paid_payments.PAGE


async def next_to_verify(gateway: Gateway, now: datetime) -> datetime | None:
    """When the next account will be verified, as things stand."""
    paid_at = await paid_payments.next_paid_after(gateway.database, now - _age(gateway))
    return None if paid_at is None else paid_at + _age(gateway)


async def _verify(gateway: Gateway, account_id: str, paid_before: datetime) -> None:
    """All that was seen before the row's lock is judged again."""
    at = gateway.clock.now()
    async with changing(gateway) as connection:
        await accounts.get_locked(connection, gateway.vault, account_id)
        if not await paid_payments.may_be_verified(connection, account_id, paid_before=paid_before):
            return
        change: dict[str, object] = {"tier": "verified"}
        await accounts.update(connection, gateway.vault, account_id, change, at=at)
        await changes.note(connection, "account", account_id)
        await outbox.publish(connection, "account.updated", account_id, change, at=at)
        await audit.write(connection, audit.Actor("system"), "account.verified", account_id, change, at=at)
    logger.info("account_verified", account_id=account_id)


def _age(gateway: Gateway) -> timedelta:
    return timedelta(days=gateway.settings.verified_after_days)
