"""Who is asking, judged before the body is read.

Order of refusals: 400 `ambiguous_credentials`, 401, 403. A guard leaves `request.state.identity` (whose request it is),
`request.state.caller` (the same, as siblings are told), and `session` or `key`. Cookies are no credential here.
"""

from starlette.requests import Request

from services.gateway.domain.account import AccountSuspended, Identity
from services.gateway.domain.api_key import presented
from services.gateway.domain.caller_address import caller_address
from services.gateway.domain.credential import presented_credential
from services.gateway.domain.key_access import InvalidApiKey, KeyNotAllowed
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.session import SESSION_PREFIX, Session
from services.gateway.domain.user_agent import user_agent
from services.gateway.service import Gateway
from services.gateway.use_cases.identity import claims_for
from shared.audit import Actor
from shared.doors.routing import Guard
from shared.errors import DomainError
from shared.problems import refuses

READING = frozenset({"GET", "HEAD"})


def gateway_of(request: Request) -> Gateway:
    service: Gateway = request.app.state.service
    return service


def address_of(request: Request) -> str:
    """The caller's address, by the rule of `domain.caller_address`."""
    peer = request.client.host if request.client else None
    forwarded = request.headers.getlist("x-forwarded-for")
    return caller_address(peer, forwarded, trusted=gateway_of(request).trusted_proxies)


def agent_of(request: Request) -> str | None:
    """What the caller's software says it is."""
    return user_agent(request.headers.get("user-agent"))


def actor_of(request: Request) -> Actor:
    """Who acts, for the audit trail. Only behind a guard."""
    identity: Identity = request.state.identity
    return Actor(identity.account_id, request.state.request_id)


def _presented(request: Request) -> tuple[str, bool]:
    """The credential, and whether it came as a session token (`Authorization: Bearer tgs_...`)."""
    authorization, api_key = request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
    credential = presented_credential(authorization, api_key)
    if credential is None:
        raise unauthenticated()
    return credential, not api_key and credential.startswith(SESSION_PREFIX)


def unauthenticated() -> DomainError:
    return DomainError(
        "unauthenticated",
        "Sign in, and send the session's token as Authorization: Bearer.",
        headers={"WWW-Authenticate": "Bearer"},
    )


@refuses("ambiguous_credentials", "unauthenticated", "invalid_api_key", "session_required", "account_suspended")
async def session_required(request: Request) -> None:
    """Guard: a signed-in account. A suspended one may read. A good key: 403 `session_required`."""
    await _signed_in(request)
    if request.method not in READING:
        _refuse_suspended(request.state.identity)


@refuses("ambiguous_credentials", "unauthenticated", "invalid_api_key", "session_required")
async def session_even_if_suspended(request: Request) -> None:
    """Guard: a signed-in account, whatever its status (to sign out)."""
    await _signed_in(request)


@refuses("ambiguous_credentials", "unauthenticated", "invalid_api_key", "session_required", "forbidden")
async def operator_required(request: Request) -> None:
    """Guard: a signed-in operator."""
    await _signed_in(request)
    if not request.state.identity.is_operator:
        raise DomainError("forbidden", "Only operators may do this.")
    if request.method not in READING:
        _refuse_suspended(request.state.identity)


def session_or_key(scope: str) -> Guard:
    """Guard: a session, or a key with this scope from an address that it allows."""

    async def guard(request: Request) -> None:
        credential, is_session = _presented(request)
        if is_session:
            await _found_session(request, credential)
        else:
            await _found_key(request, credential)
            _check_key(request, request.state.key, scope)

    return guard


async def _signed_in(request: Request) -> None:
    credential, is_session = _presented(request)
    if is_session:
        await _found_session(request, credential)
        return
    await _found_key(request, credential)
    raise DomainError("session_required", "An API key does not open this; sign in and use the session's token.")


async def _found_session(request: Request, token: str) -> None:
    session: Session | None = await gateway_of(request).sessions.find(token)
    if session is None:
        raise unauthenticated()
    request.state.session, request.state.identity = session, session.identity
    request.state.caller = claims_for(
        session.identity,
        ip=address_of(request),
        user_agent=agent_of(request),
        session_hash=gateway_of(request).vault.session_lookup(session.token_hash),
    )


async def _found_key(request: Request, text: str) -> None:
    key: KeyRecord | None = await gateway_of(request).keys.find(presented(text))
    if key is None:
        raise InvalidApiKey
    request.state.key, request.state.identity = key, key.identity
    request.state.caller = claims_for(
        key.identity, scopes=key.scopes, ip=address_of(request), user_agent=agent_of(request)
    )


def _check_key(request: Request, key: KeyRecord, scope: str) -> None:
    _refuse_suspended(key.identity)
    if key.is_banned(gateway_of(request).clock.real_now()):
        raise DomainError("key_banned", f"This key is banned until {key.banned_until}.")
    if not key.covers(scope):
        raise KeyNotAllowed(f"This key lacks the scope {scope}.")
    if not key.may_come_from(address_of(request)):
        raise KeyNotAllowed("This key may not be used from this address.")


def _refuse_suspended(identity: Identity) -> None:
    if identity.is_suspended:
        raise AccountSuspended
