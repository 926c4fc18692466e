"""Signing in, with its limits on failures (U10): 5 for each email and 50 for each address in 15 minutes."""

from collections.abc import Mapping

from services.gateway.domain.account import Account
from services.gateway.domain.login_limit import TooManyFailures, limit_headers
from services.gateway.domain.password import InvalidCredentials, presented_password
from services.gateway.service import Gateway
from services.gateway.store import accounts
from services.gateway.store.connection import Connection
from services.gateway.store.password_hashes import Worker
from services.gateway.use_cases.sessions import SignedIn, begin_session
from shared import changes
from shared.crypto import blind_index
from shared.window_limit import Full, Place, caller_at


async def sign_in(gateway: Gateway, *, email: str, password: str, address: str) -> tuple[SignedIn, Mapping[str, str]]:
    """A fresh session, and the headers that say how many failures the email has left; InvalidCredentials for an unknown
    email or a wrong password, in the same time.

    A try takes its place among the failures before the password is checked and gives it back when it succeeds. It does
    so while it holds a worker, so that a queue of good sign-ins does not look like failures.
    """
    normal = presented_password(password)
    async with gateway.passwords.worker() as worker:
        places = await _take_places(gateway, email, address)
        try:
            judged = await _judged(gateway, worker, email, normal)
        except BaseException:
            await _give_back(gateway, places)
            raise
        most, left = gateway.settings.login_failures_per_email, places[-1].left
        if judged is None:
            raise InvalidCredentials(limit_headers(most=most, left=left))
        await _give_back(gateway, places)
    async with gateway.database.transaction() as connection:
        account = await accounts.get_locked(connection, gateway.vault, judged[0])
        if account is None or await accounts.find_for_sign_in(connection, gateway.vault, email) != judged:
            raise InvalidCredentials(limit_headers(most=most, left=left + 1))  # reset since: its sessions have ended
        account = await _with_mailbox(connection, gateway, account)
        return await begin_session(connection, gateway, account), limit_headers(most=most, left=left + 1)


async def _with_mailbox(connection: Connection, gateway: Gateway, account: Account) -> Account:
    """The account with the digest of its mailbox. One that is older than those has it from its first sign-in on."""
    if account.identity.mailbox_hash is not None:
        return account
    account_id, change = account.identity.account_id, {"mailbox_lookup": gateway.vault.mailbox_lookup(account.email)}
    await changes.note(connection, "account", account_id)
    return await accounts.update(connection, gateway.vault, account_id, change, at=gateway.clock.now())


async def _judged(gateway: Gateway, worker: Worker, email: str, password: str) -> tuple[str, str] | None:
    """Whose email and password these are, and the hash that says so. One of outdated cost is made anew on the way."""
    async with gateway.database.transaction() as connection:
        found = await accounts.find_for_sign_in(connection, gateway.vault, email)
    account_id, password_hash = found or (None, None)
    if not await worker.matches(password_hash, password):
        return None
    assert account_id is not None and password_hash is not None
    if worker.is_outdated(password_hash):
        renewed = await worker.hash(password)
        async with gateway.database.transaction() as connection:
            await accounts.get_locked(connection, gateway.vault, account_id)
            if await accounts.find_for_sign_in(connection, gateway.vault, email) != found:
                return None
            change = {"password_hash": renewed}
            await accounts.update(connection, gateway.vault, account_id, change, at=gateway.clock.now())
        return account_id, renewed
    return account_id, password_hash


async def _take_places(gateway: Gateway, email: str, address: str) -> list[Place]:
    """The address's place and the email's, in this order; both or none."""
    settings, key = gateway.settings, gateway.settings.blind_index_key
    places: list[Place] = []
    for name, most in (
        (f"address:{blind_index(caller_at(address), key)}", settings.login_failures_per_address),
        (f"email:{gateway.vault.email_lookup(email)}", settings.login_failures_per_email),
    ):
        taken = await gateway.login_failures.take(name, most=most)
        if isinstance(taken, Full):
            await _give_back(gateway, places)
            raise TooManyFailures(taken.retry_after_ms, most=most)
        places.append(taken)
    return places


async def _give_back(gateway: Gateway, places: list[Place]) -> None:
    for place in places:
        await gateway.login_failures.give_back(place)
