"""An account is made, signed in and asked to confirm its address."""

from dataclasses import dataclass

from services.gateway.domain.account import valid_email, valid_name
from services.gateway.domain.country import valid_country
from services.gateway.domain.password import new_password
from services.gateway.service import Gateway
from services.gateway.store import accounts
from services.gateway.use_cases.changing import Answer, Keep
from services.gateway.use_cases.claiming import bringing, checked_device
from services.gateway.use_cases.mailed_links import mail_verification
from services.gateway.use_cases.sessions import SignedIn, begin_session
from shared import audit, outbox
from shared.ids import new_id


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """Checked wishes of a newcomer. It has no repr."""

    email: str
    password: str
    name: str | None
    country: str | None
    device_id: str | None


def checked_registration(
    *, email: str, password: str, name: str | None, country: str | None, device_id: str | None
) -> Registration:
    """What was asked for in the forms that we keep, or Invalid."""
    return Registration(
        email=valid_email(email),
        password=new_password(password),
        name=None if name is None else valid_name(name),
        country=None if country is None else valid_country(country),
        device_id=checked_device(device_id),
    )


async def register(
    gateway: Gateway, wish: Registration, *, request_id: str | None, keep: Keep[SignedIn, Answer]
) -> Answer:
    """Make the account and its first session in one transaction; EmailTaken where the address has one. The device that
    it brings along is its own then; Invalid where it can't be.

    The verification mail and the event `account.registered` go with it.
    """
    async with gateway.passwords.worker() as worker:
        password_hash = await worker.hash(wish.password)
    at = gateway.clock.now()
    new = accounts.NewAccount(
        id=new_id("acct", at=at),
        email=wish.email,
        name=wish.name,
        country=wish.country,
        password_hash=password_hash,
        role="customer",
        at=at,
    )
    async with bringing(gateway, wish.device_id, account_id=new.id), gateway.database.transaction() as connection:
        account = await accounts.insert(connection, gateway.vault, new)
        signed_in = await begin_session(connection, gateway, account)
        await mail_verification(connection, gateway, account)
        facts: dict[str, object] = {"tier": "new", "country": wish.country}
        await outbox.publish(connection, "account.registered", new.id, facts, at=at)
        await audit.write(connection, audit.Actor(new.id, request_id), "account.registered", new.id, at=at)
        answer = await keep(connection, signed_in)
    gateway.news.set()
    return answer
