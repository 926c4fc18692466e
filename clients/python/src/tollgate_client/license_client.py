"""A license asked about online, with the platform's signed word, and offline by its file.

    from the platform                          `validate` answers
    a signed verdict                           that verdict, yes or no
    no answer, or one without its signature    the license file's verdict where `offline` is given, else UNREACHABLE

So whoever is not the platform can neither grant nor deny; who cuts the line gets the file's answer, which ends by
itself. What the platform says is kept in the store: its time, and its denials, which a file from before doesn't undo.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tollgate_client import views
from tollgate_client.calls import json_of, path_part, problem_of, sending
from tollgate_client.client import TIMEOUT
from tollgate_client.errors import TollgateError, UnexpectedAnswer, UntrustedAnswer
from tollgate_client.exchange import Flow, Retries, drive, drive_async, exchange
from tollgate_client.high_water import HighWater, Store, replace_file
from tollgate_client.public_keys import PublicKeys
from tollgate_client.signed_answer import Heard, digest_of, draw_nonce, signed_at
from tollgate_client.verdict import GRANTING, Code, Verdict
from tollgate_client.verification import check, verify

REMEMBERED = frozenset({Code.REVOKED, Code.SUSPENDED, Code.NOT_ACTIVATED, Code.TOO_MANY_ACTIVATIONS})
"""Denials that stay when the line is cut. The others depend on what was asked, or a file tells them by itself."""

Clock = Callable[[], datetime]
Metadata = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class Offline:
    """That the license file at `license_file` may stand in for the platform, for software of this `audience`; what was
    seen is kept in `store`."""

    license_file: Path
    audience: str
    store: Store


@dataclass(frozen=True, kw_only=True)
class Licensee:
    """Who asks, whom it believes, and what it does without the platform. Its repr has no key."""

    license_key: str
    server_id: str
    public_keys: PublicKeys
    fingerprint: str | None = None
    offline: Offline | None = None
    retries: Retries = Retries(attempts=2, budget_seconds=5.0)  # noqa: RUF009 - a frozen value

    def __repr__(self) -> str:
        return f"Licensee(server_id={self.server_id!r})"


def validating(who: Licensee, prefix: str, entitlements: Collection[str], clock: Clock) -> Flow[Verdict]:
    """The verdict, of the platform or of the file."""
    wanted: dict[str, object] = {"entitlements": sorted(entitlements)} if entitlements else {}
    try:
        told, at = yield from _asked(who, f"{prefix}/api/v1/licenses/validate", wanted, clock)
    except TollgateError as error:
        return _without_the_platform(who, entitlements, error, clock)
    return _told(who, told, at)


def activating(who: Licensee, prefix: str, verb: str, more: Mapping[str, object]) -> Flow[views.Activation]:
    """The activation after `activate`, `deactivate` or `heartbeat`. Each may be asked again: it does the same once."""
    outgoing = sending("POST", f"{prefix}/api/v1/licenses/{verb}", {**_named(who), **more}, may_repeat=True)
    answer = yield from exchange(outgoing, who.retries)
    if not answer.is_success:
        raise problem_of(answer)
    told = json_of(answer)
    if not isinstance(told, dict) or not isinstance(told.get("activation"), dict):
        raise UnexpectedAnswer("no activation in the answer")
    activation: views.Activation = told["activation"]
    return activation


def renewing_file(
    who: Licensee, prefix: str, license_id: str, *, ttl_seconds: int | None, encrypted: bool, clock: Clock
) -> Flow[Verdict]:
    """A new license file in the old one's place, if it is good; its verdict."""
    if who.offline is None:
        raise ValueError("a license file needs its place: give `offline`")
    body: dict[str, object] = {"license_key": who.license_key, "server_id": who.server_id}
    if ttl_seconds is not None:
        body["ttl_seconds"] = ttl_seconds
    if encrypted:
        body["encrypted"] = True
    path = f"{prefix}/api/v1/licenses/{path_part(license_id)}/file"
    answer = yield from exchange(sending("POST", path, body, may_repeat=True), who.retries)
    if not answer.is_success:
        raise problem_of(answer)
    text = str(json_of(answer).get("file"))
    verdict = verify(text, now=clock(), **_terms(who, who.offline), high_water=who.offline.store.read())
    if verdict.valid:
        replace_file(who.offline.license_file, text.encode())
    return verdict


def _asked(
    who: Licensee, url: str, wanted: Mapping[str, object], clock: Clock
) -> Flow[tuple[dict[str, Any], datetime]]:
    """What the platform says, and when, by its signature."""
    nonce = draw_nonce()
    # The digest is of the bytes that travel, so they must not be compressed.
    plain = {"Accept-Encoding": "identity"}
    outgoing = sending("POST", url, {**_named(who), **wanted, "nonce": nonce}, plain, may_repeat=True)
    answer = yield from exchange(outgoing, who.retries)
    if not answer.is_success:
        raise problem_of(answer)
    heard = Heard(answer.status_code, answer.headers, answer.content)
    at = signed_at(heard, public_keys=who.public_keys, nonce=nonce, now=clock())
    told = json_of(answer)
    if not isinstance(told, dict) or told.get("request_digest") != digest_of(outgoing.content or b""):
        raise UntrustedAnswer("the answer is to another question")
    return told, at


def _named(who: Licensee) -> dict[str, object]:
    named: dict[str, object] = {"license_key": who.license_key, "server_id": who.server_id}
    return named if who.fingerprint is None else {**named, "fingerprint": who.fingerprint}


def _told(who: Licensee, told: Mapping[str, Any], at: datetime) -> Verdict:
    license = told.get("license")
    verdict = Verdict(str(told.get("code")), str(told.get("detail")), None, "server", license)
    if who.offline is not None:
        license_id = license.get("id") if isinstance(license, dict) else None
        mark = _readable(who.offline.store)
        if verdict.code in GRANTING or verdict.code in REMEMBERED:
            denial = None if verdict.valid else verdict.code
            mark = mark.told(server_time=at, license_id=license_id, denial=denial)
        else:
            mark = mark.told(server_time=at, license_id=None, denial=None)
        who.offline.store.keep(mark)
    return verdict


def _readable(store: Store) -> HighWater:
    """After a signed answer a mark that was broken may begin anew."""
    mark = store.read()
    return HighWater() if mark.is_broken else mark


def _without_the_platform(who: Licensee, entitlements: Collection[str], error: TollgateError, clock: Clock) -> Verdict:
    why = f"The platform gave no word to believe ({error})."
    if who.offline is None:
        return Verdict(Code.UNREACHABLE, why, None, "nobody")
    try:
        text = who.offline.license_file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return Verdict(Code.UNREACHABLE, f"{why} There is no license file.", None, "nobody")
    terms = _terms(who, who.offline)
    verdict = check(text, store=who.offline.store, now=clock(), entitlements=entitlements, **terms)
    return replace(verdict, detail=f"{why} {verdict.detail}")


def _terms(who: Licensee, offline: Offline) -> dict[str, Any]:
    return {
        "public_keys": who.public_keys,
        "audience": offline.audience,
        "server_id": who.server_id,
        "fingerprint": who.fingerprint,
    }


def _activation(metadata: Metadata | None, replaces: str | None) -> dict[str, object]:
    said: dict[str, object] = {} if metadata is None else {"metadata": dict(metadata)}
    return said if replaces is None else {**said, "replaces": replaces}


def utc_now() -> datetime:
    return datetime.now(UTC)


class LicenseClient:
    """Asks about one license for one server. `validate` always answers a verdict; the others raise `TollgateError`.
    What `activate`, `deactivate` and `heartbeat` answer bears no signature: whether it holds, `validate` tells."""

    def __init__(
        self,
        base_url: str,
        licensee: Licensee,
        *,
        http: httpx.Client | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._prefix, self._who, self._clock, self._sleep = base_url.rstrip("/"), licensee, clock, sleep
        self._http, self._is_own = http or httpx.Client(timeout=TIMEOUT), http is None

    def validate(self, entitlements: Collection[str] = ()) -> Verdict:
        """Whether the license is good for this server, now, and includes these entitlements."""
        return drive(validating(self._who, self._prefix, entitlements, self._clock), self._http, self._sleep)

    def activate(self, metadata: Metadata | None = None, *, replaces: str | None = None) -> views.Activation:
        """Take a seat for this server, the same one again where it has one; `replaces` is a server whose seat is given
        back for it. `Problem` `too_many_activations`, `license_invalid`."""
        return self._do("activate", _activation(metadata, replaces))

    def deactivate(self) -> views.Activation:
        """Give the seat back."""
        return self._do("deactivate", {})

    def heartbeat(self) -> views.Activation:
        """Say that this server lives, so that it keeps its seat."""
        return self._do("heartbeat", {})

    def renew_file(self, license_id: str, *, ttl_seconds: int | None = None, encrypted: bool = False) -> Verdict:
        """Get a new license file. It takes the old one's place only if it is good here; the verdict says."""
        flow = renewing_file(
            self._who, self._prefix, license_id, ttl_seconds=ttl_seconds, encrypted=encrypted, clock=self._clock
        )
        return drive(flow, self._http, self._sleep)

    def _do(self, verb: str, more: Mapping[str, object]) -> views.Activation:
        return drive(activating(self._who, self._prefix, verb, more), self._http, self._sleep)

    def close(self) -> None:
        """Close the connections, unless the HTTP client is your own."""
        if self._is_own:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncLicenseClient:
    """The same, awaited. The license file and the store are read and written in the event loop: they are small."""

    def __init__(
        self,
        base_url: str,
        licensee: Licensee,
        *,
        http: httpx.AsyncClient | None = None,
        clock: Clock = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._prefix, self._who, self._clock, self._sleep = base_url.rstrip("/"), licensee, clock, sleep
        self._http, self._is_own = http or httpx.AsyncClient(timeout=TIMEOUT), http is None

    async def validate(self, entitlements: Collection[str] = ()) -> Verdict:
        """As `LicenseClient.validate`."""
        return await drive_async(
            validating(self._who, self._prefix, entitlements, self._clock), self._http, self._sleep
        )

    async def activate(self, metadata: Metadata | None = None, *, replaces: str | None = None) -> views.Activation:
        """As `LicenseClient.activate`."""
        return await self._do("activate", _activation(metadata, replaces))

    async def deactivate(self) -> views.Activation:
        """As `LicenseClient.deactivate`."""
        return await self._do("deactivate", {})

    async def heartbeat(self) -> views.Activation:
        """As `LicenseClient.heartbeat`."""
        return await self._do("heartbeat", {})

    async def renew_file(self, license_id: str, *, ttl_seconds: int | None = None, encrypted: bool = False) -> Verdict:
        """As `LicenseClient.renew_file`."""
        flow = renewing_file(
            self._who, self._prefix, license_id, ttl_seconds=ttl_seconds, encrypted=encrypted, clock=self._clock
        )
        return await drive_async(flow, self._http, self._sleep)

    async def _do(self, verb: str, more: Mapping[str, object]) -> views.Activation:
        return await drive_async(activating(self._who, self._prefix, verb, more), self._http, self._sleep)

    async def close(self) -> None:
        """Close the connections, unless the HTTP client is your own."""
        if self._is_own:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
