"""Sessions begin and end."""

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.gateway.domain.account import Account
from services.gateway.domain.session import TOKEN_BYTES, Session, session_token, token_hash
from services.gateway.service import Gateway
from services.gateway.store import sessions
from services.gateway.store.connection import Connection
from services.gateway.use_cases.changing import changing
from shared import changes


@dataclass(frozen=True, slots=True, repr=False)
class SignedIn:
    """A fresh session at the one moment when we know its token. It has no repr."""

    account: Account
    token: str
    expires_at: datetime


async def begin_session(connection: Connection, gateway: Gateway, account: Account) -> SignedIn:
    """A new session, whatever token came with the request."""
    token = session_token(os.urandom(TOKEN_BYTES))
    at = gateway.clock.real_now()
    expires_at = at + timedelta(seconds=gateway.settings.session_ttl_seconds)
    account_id = account.identity.account_id
    await sessions.insert(connection, token_hash(token), account_id, at=at, expires_at=expires_at)
    return SignedIn(account, token, expires_at)


async def sign_out(gateway: Gateway, session: Session) -> None:
    """End this session, everywhere within 1 s."""
    async with changing(gateway) as connection:
        await sessions.delete(connection, session.token_hash)
        await changes.note(connection, "session", session.token_hash.hex())


async def end_all_sessions(connection: Connection, account_id: str) -> None:
    """End every session of an account; the caller notes the account's change."""
    await sessions.delete_of_account(connection, account_id)
