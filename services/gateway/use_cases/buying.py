"""A purchase begun on a page: sign in, then ask billing for a payment page on the account's behalf."""

import asyncio
from dataclasses import dataclass
from typing import Any

import orjson

from services.gateway.clients.http1 import ExchangeFailed
from services.gateway.domain.account import AccountSuspended
from services.gateway.domain.session import token_hash
from services.gateway.service import Gateway
from services.gateway.use_cases.identity import claims_for
from services.gateway.use_cases.signing_in import sign_in
from shared.errors import DomainError

_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A purchase: its payment page, or None while it is under review."""

    payment_id: str
    checkout_url: str | None


async def begin_purchase(
    gateway: Gateway,
    *,
    email: str,
    password: str,
    credits_wanted: int,
    currency: str,
    address: str,
    agent: str | None,
    request_id: str,
) -> Begun:
    """Raises what `sign_in` does, billing's own refusal, or `billing_unavailable`."""
    signed_in, _limit = await sign_in(gateway, email=email, password=password, address=address)
    identity = signed_in.account.identity
    if identity.is_suspended:
        raise AccountSuspended
    wanted = {"credits": credits_wanted, "currency": currency}
    session_hash = gateway.vault.session_lookup(token_hash(signed_in.token))
    caller = claims_for(identity, ip=address, user_agent=agent, session_hash=session_hash)
    door = gateway.doors["billing"]
    headers = (*door.on_behalf_of(caller, request_id), (b"content-type", b"application/json"))
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            told = await door.send("POST", b"/api/v1/credits/checkout", headers, orjson.dumps(wanted))
        body: dict[str, Any] = orjson.loads(told.body)
    except (ExchangeFailed, TimeoutError, ValueError) as error:
        raise DomainError("billing_unavailable", "Billing does not answer; try again in a moment.") from error
    if told.status >= 400:
        extra = {"errors": body["errors"]} if "errors" in body else {}
        raise DomainError(body["code"], body["detail"], extra=extra, status=told.status)
    return Begun(body["payment_id"], body.get("checkout_url"))
