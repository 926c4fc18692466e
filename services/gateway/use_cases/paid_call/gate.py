"""Who calls what, and may he: refusals in the order 400, 401, 403, 404, 429."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.gateway.domain.account import AccountSuspended
from services.gateway.domain.admission import AbuseRule, Admission, Decision
from services.gateway.domain.caller_address import Network, caller_address
from services.gateway.domain.forwarding import (
    Header,
    ProxyPath,
    UnknownRoute,
    check_expectation,
    every,
    parse_proxy_path,
    presented_key,
)
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


@dataclass(frozen=True, slots=True)
class Entry:
    """What the gate let through. `headers` are the limits', for whatever the answer will be."""

    record: KeyRecord
    route: Route
    path: ProxyPath
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

    async def enter(self, request: PaidRequest) -> Entry:
        """Raises the DomainError of the first rule that refuses."""
        presented = presented_key(request.headers)
        path = parse_proxy_path(request.raw_path)
        check_expectation(request.headers)
        address = self._address_of(request)
        record = await self._record_of(presented, address)
        self._check_permission(record, path, address)
        return await self._admit(record, path)

    async def close(self) -> None:
        await self._limiter.close()

    def _address_of(self, request: PaidRequest) -> str:
        forwarded = [value.decode("latin-1") for value in every(request.headers, b"x-forwarded-for")]
        return caller_address(request.peer, forwarded, trusted=self._trusted)

    async def _record_of(self, presented: str | None, address: str) -> KeyRecord:
        if presented is None:
            raise DomainError(
                "unauthenticated", "Send an API key as Authorization: Bearer or X-API-Key.", headers=_CHALLENGE
            )
        record = await self._keys.find(presented)
        if record is None:
            await self._abuse.saw_bad_key(address)
            raise InvalidApiKey
        return record

    def _check_permission(self, record: KeyRecord, path: ProxyPath, address: str) -> None:
        if record.account_status == "suspended":
            raise AccountSuspended
        if not record.covers(f"proxy:{path.route}"):
            raise KeyNotAllowed("This key's scopes do not cover this route.")
        if not record.may_come_from(address):
            raise KeyNotAllowed("This key may not be used from this address.")
        if record.banned_until is not None and record.is_banned(self._clock.real_now()):
            raise self._banned(record.banned_until)

    async def _admit(self, record: KeyRecord, path: ProxyPath) -> Entry:
        """One round trip for ban and limits; an unknown route counts as a call too."""
        admission = await self._limiter.admit(record)
        if admission.decision is Decision.BANNED:
            raise self._banned(_EPOCH + timedelta(milliseconds=admission.banned_until_ms))
        headers = admission.headers()
        route = await self._routes.find(path.route)
        if route is None:
            unknown = UnknownRoute()
            unknown.headers |= as_text(headers)
            raise unknown
        if admission.decision is Decision.LIMITED:
            await self._punish(record, admission)
            raise _limited(admission, headers)
        return Entry(record, route, path, headers)

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


_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def _limited(admission: Admission, headers: Sequence[Header]) -> DomainError:
    retry_after = {"Retry-After": str(admission.retry_after_seconds)}
    return DomainError("rate_limited", "Too many calls with this key.", headers=as_text(headers) | retry_after)


def as_text(headers: Sequence[Header]) -> dict[str, str]:
    """Headers for a refusal."""
    return {name.decode("ascii"): value.decode("ascii") for name, value in headers}
