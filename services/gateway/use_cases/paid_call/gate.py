"""Who calls what, and may he: refusals in the order 400, 401, 403, 404, 429."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.gateway.domain.account import AccountSuspended
from services.gateway.domain.admission import AbuseRule, Admission, Decision
from services.gateway.domain.api_key import PresentedKey, presented
from services.gateway.domain.caller_address import Network, caller_address
from services.gateway.domain.credential import presented_credential
from services.gateway.domain.forwarding import CallerHead, Header, UnknownRoute
from services.gateway.domain.key_access import InvalidApiKey, KeyNotAllowed
from services.gateway.domain.key_record import KeyRecord
from services.gateway.domain.route import Route
from services.gateway.store.key_directory import KeyDirectory
from services.gateway.use_cases.paid_call.abuse import Abuse
from services.gateway.use_cases.paid_call.limiter import Limiter
from services.gateway.use_cases.paid_call.request import PaidRequest
from services.gateway.use_cases.route_directory import RouteDirectory
from shared.clock import Clock
from shared.errors import DomainError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class Caller:
    """Who calls which route, and may."""

    record: KeyRecord
    route: str


@dataclass(slots=True, eq=False)
class Entry:
    """What the gate let through. `headers` are the limits', for whatever the answer will be."""

    route: Route
    headers: Sequence[Header]


class Gate:
    """One a process."""

    def __init__(
        self,
        *,
        keys: KeyDirectory,
        routes: RouteDirectory,
        limiter: Limiter,
        abuse: Abuse,
        rule: AbuseRule,
        clock: Clock,
        trusted_proxies: Sequence[Network],
    ) -> None:
        self._keys = keys
        self._routes = routes
        self._limiter = limiter
        self._abuse = abuse
        self._rule = rule
        self._clock = clock
        self._trusted = trusted_proxies

    async def identify(self, request: PaidRequest) -> Caller:
        """400, 401, 403. Raises the DomainError of the first rule that refuses."""
        head = request.head
        key = head.key
        if key is None:
            key = head.key = _key_of(head.caller)
        record = await self._keys.find(key)
        if record is None:
            await self._abuse.saw_bad_key(self._address_of(request))
            raise InvalidApiKey
        route = head.path.route
        self._check_permission(request, record, route)
        return Caller(record, route)

    async def admit(self, caller: Caller) -> Entry:
        """404, 429, and bans that Redis knows of. Many calls share a round trip; an unknown route is a call too."""
        record = caller.record
        admission = await self._limiter.admit(record)
        if admission.decision is Decision.BANNED:
            raise self._banned(_EPOCH + timedelta(milliseconds=admission.banned_until_ms))
        headers = admission.headers()
        route = self._routes.recall(caller.route) or await self._routes.find(caller.route)
        if route is None:
            unknown = UnknownRoute()
            unknown.headers |= as_text(headers)
            raise unknown
        if admission.decision is Decision.LIMITED:
            await self._punish(record, admission)
            raise _limited(admission, headers)
        return Entry(route, headers)

    async def close(self) -> None:
        await self._limiter.close()

    def _address_of(self, request: PaidRequest) -> str:
        return caller_address(request.peer, request.head.caller.forwarded_for, trusted=self._trusted)

    def _check_permission(self, request: PaidRequest, record: KeyRecord, route: str) -> None:
        if record.account_status == "suspended":
            raise AccountSuspended
        if not record.may_call(route):
            raise KeyNotAllowed("This key's scopes do not cover this route.")
        if record.allowed_ips and not record.may_come_from(self._address_of(request)):
            raise KeyNotAllowed("This key may not be used from this address.")
        if record.banned_until is not None and record.is_banned(self._clock.real_now()):
            raise self._banned(record.banned_until)

    async def _punish(self, record: KeyRecord, admission: Admission) -> None:
        if admission.refused >= self._rule.refused_calls:
            await self._abuse.ban(record, refused=admission.refused)

    def _banned(self, until: datetime) -> DomainError:
        seconds = max(1, -(-(until - self._clock.real_now()) // timedelta(seconds=1)))
        return DomainError(
            "key_banned",
            "This key is banned for a time: it kept calling past its limit.",
            extra={"banned_until": until},
            headers={"Retry-After": str(seconds)},
        )


def _key_of(caller: CallerHead) -> PresentedKey:
    """400, 401."""
    credential = presented_credential(caller.authorizations, caller.api_keys)
    caller.check_expectation()
    if credential is None:
        raise DomainError(
            "unauthenticated", "Send an API key as Authorization: Bearer or X-API-Key.", headers=_CHALLENGE
        )
    return presented(credential)


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _limited(admission: Admission, headers: Sequence[Header]) -> DomainError:
    retry_after = {"Retry-After": str(admission.retry_after_seconds)}
    return DomainError("rate_limited", "Too many calls with this key.", headers=as_text(headers) | retry_after)


def as_text(headers: Sequence[Header]) -> dict[str, str]:
    """Headers for a refusal."""
    return {name.decode("ascii"): value.decode("ascii") for name, value in headers}
