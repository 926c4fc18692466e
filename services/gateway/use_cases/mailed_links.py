"""Links that go out by mail: to confirm an address, to set a new password. Each bears a token that works once.

A reset is answered the same, and as fast, for an address that nobody has: whose it is, the mail loop asks later.
"""

import os
from datetime import timedelta

from services.gateway.domain.account import Account, valid_email
from services.gateway.domain.password import new_password
from services.gateway.domain.session import TOKEN_BYTES, is_mailed_token, mailed_token, token_hash
from services.gateway.service import Gateway
from services.gateway.store import accounts, mail, sessions
from services.gateway.store.connection import Connection
from services.gateway.use_cases.changing import changing
from services.gateway.use_cases.sessions import end_all_sessions
from shared import audit, changes, outbox
from shared.crypto import blind_index
from shared.errors import Invalid
from shared.window_limit import Full, caller_at

MOST_RESETS_OF_EMAIL = 5
MOST_RESETS_BY_ADDRESS = 20
"""Reset mails in 15 minutes."""


async def mail_verification(connection: Connection, gateway: Gateway, account: Account) -> None:
    """Queue the mail that confirms an address."""
    ttl = timedelta(seconds=gateway.settings.verify_email_ttl_seconds)
    await _mail_token(connection, gateway, account, "verify_email", ttl)


async def request_reset(gateway: Gateway, email: str, *, address: str) -> None:
    """Note that somebody wants to reset this address's password. Past the limits of failed sign-ins nothing is noted,
    and the asker is told the same."""
    for name, most in (
        (f"reset-by:{blind_index(caller_at(address), gateway.settings.blind_index_key)}", MOST_RESETS_BY_ADDRESS),
        (f"reset:{gateway.vault.email_lookup(email)}", MOST_RESETS_OF_EMAIL),
    ):
        if isinstance(await gateway.login_failures.take(name, most=most), Full):
            return
    at = gateway.clock.real_now()
    async with gateway.database.transaction() as connection:
        await mail.enqueue(
            connection,
            gateway.vault,
            account_id="",
            template="reset_requested",
            recipient=valid_email(email),
            values={},
            at=at,
        )


async def mail_reset(gateway: Gateway, email: str) -> None:
    """Queue the mail that sets a new password, where the address has an account; else do nothing."""
    async with gateway.database.transaction() as connection:
        found = await accounts.find_for_sign_in(connection, gateway.vault, email)
        account = await accounts.get_locked(connection, gateway.vault, found[0]) if found else None
        if account is not None:
            ttl = timedelta(seconds=gateway.settings.password_reset_ttl_seconds)
            await _mail_token(connection, gateway, account, "reset_password", ttl)


async def _mail_token(
    connection: Connection, gateway: Gateway, account: Account, purpose: sessions.Purpose, ttl: timedelta
) -> None:
    token, at = mailed_token(os.urandom(TOKEN_BYTES)), gateway.clock.real_now()
    account_id = account.identity.account_id
    await sessions.insert_mailed(connection, token_hash(token), account_id, purpose, at=at, expires_at=at + ttl)
    await mail.enqueue(
        connection,
        gateway.vault,
        account_id=account_id,
        template=purpose,
        recipient=account.email,
        values={"token": token, "name": account.name or ""},
        at=at,
    )


async def verify_email(gateway: Gateway, token: str) -> Account:
    """Confirm the address that the token went to."""
    async with changing(gateway) as connection:
        account_id = await _used(connection, gateway, token, "verify_email")
        at = gateway.clock.now()
        account = await accounts.update(connection, gateway.vault, account_id, {"email_verified_at": at}, at=at)
        await changes.note(connection, "account", account_id)
        await outbox.publish(connection, "account.updated", account_id, {"email_verified": True}, at=at)
    return account


async def reset_password(gateway: Gateway, token: str, password: str) -> None:
    """Set a new password and end every session of the account, everywhere within 1 s."""
    normal = new_password(password)
    if not is_mailed_token(token):
        raise _dead_token()
    async with gateway.passwords.worker() as worker:
        password_hash = await worker.hash(normal)
    async with changing(gateway) as connection:
        account_id = await _used(connection, gateway, token, "reset_password")
        at = gateway.clock.now()
        await accounts.update(connection, gateway.vault, account_id, {"password_hash": password_hash}, at=at)
        await end_all_sessions(connection, account_id)
        await changes.note(connection, "account", account_id)
        await audit.write(connection, audit.Actor(account_id), "password.reset", account_id, at=at)


async def _used(connection: Connection, gateway: Gateway, token: str, purpose: sessions.Purpose) -> str:
    """Whose token it is, used up by asking; Invalid where it is unknown, used, late or for another purpose."""
    account_id = await sessions.use_mailed(connection, token_hash(token), purpose, at=gateway.clock.real_now())
    if account_id is None:
        raise _dead_token()
    return account_id


def _dead_token() -> Invalid:
    return Invalid("/token", "is not valid: it is unknown, was used, or has ended. Ask for a new mail")
