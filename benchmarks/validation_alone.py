"""A validation's CPU without HTTP, Redis and PostgreSQL: the service's code in this process, its license remembered.

Beside it the bare HMAC-SHA-512 that a key's seal is, and the bare Ed25519 signature that an answer bears. Turns are
interleaved, and the CPU time of this process is divided by the calls.
"""

import asyncio
import hmac
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.licensing.api.views import validated_view
from services.licensing.domain.answer_signature import content_digest, signed_headers
from services.licensing.domain.license import BillingState, License, LicenseId, Origin
from services.licensing.domain.license_key import LicenseKey, Makings, make_license_key
from services.licensing.domain.master_secrets import MasterSecrets
from services.licensing.domain.signing_key import signing_key_of
from services.licensing.domain.validation_limit import Taken, limit_headers
from services.licensing.service import Licensing
from services.licensing.store.license_directory import Known
from services.licensing.store.touches import Touches
from services.licensing.use_cases.story import Refusals
from services.licensing.use_cases.validation import Answer, Question, validate
from shared.change_feed import ChangeFeed
from shared.changes import Poll
from shared.clock import SystemClock
from shared.doors.answers import encode
from shared.record_cache import RecordCache
from shared.token_bucket import Bucket

HMAC, ED25519, FORGED, VERDICT, UNSIGNED, SIGNED = (
    "bare HMAC-SHA-512 of the key's body",
    "bare Ed25519 signature of an answer",
    "validation of a forged key",
    "validation",
    "validation and its answer, unsigned",
    "validation and its answer, signed",
)
CALLS_BETWEEN_LOOKS = 200
MOST_SECONDS = 0.5
ADDRESS = "127.0.0.1"

Call = Callable[[], Awaitable[object]]


class _Admits:
    """Limits that are never reached: what Redis would say."""

    async def take(self, wanted: Sequence[tuple[str, Bucket]]) -> list[Taken]:
        return [Taken(bucket, True, bucket.full) for _, bucket in wanted]


@dataclass
class Workbench:
    """One license with its key, and as much of the service as `validate` asks for."""

    master_secret: bytes = field(default_factory=lambda: secrets.token_urlsafe(64).encode(), repr=False)

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        made = Makings("acct_bench", "sub_bench", now, secrets.token_bytes(16))
        self.key = make_license_key(made, self.master_secret)
        self.forged = LicenseKey(self.key.body + self.key.seal[::-1])
        self.signing_key = signing_key_of(Ed25519PrivateKey.generate())
        self._license = License(
            LicenseId("lic_bench"),
            "acct_bench",
            "license-monthly",
            Origin.OPERATOR,
            now,
            billing_state=BillingState.GOOD,
            expires_at=now + timedelta(days=30),
            entitlements=("pro",),
        )

    async def open(self) -> None:
        """Let the license be remembered."""
        feed = ChangeFeed(_no_news, monotonic=lambda: 0.0)
        await feed.poll()
        known = RecordCache[Known](feed, load=self._load, refs={}, most=1)
        settings = SimpleNamespace(
            validations_per_minute_address=60, validations_per_minute_key=30, blind_index_key=secrets.token_bytes(32)
        )
        needed = SimpleNamespace(
            secrets=MasterSecrets.of({1: self.master_secret.decode()}),
            settings=settings,
            limits=_Admits(),
            known=known,
            clock=SystemClock(),
            touches=Touches(),
            refusals=Refusals(settings.blind_index_key),
        )
        self.licensing = cast(Licensing, needed)
        found = await self.validate()
        assert found.verdict.valid, found.verdict

    async def hmac(self) -> object:
        return hmac.digest(self.master_secret, self.key.body.encode(), "sha512")

    async def ed25519(self) -> object:
        return self.signing_key.sign(b"x" * 200)

    async def validate_forged(self) -> Answer:
        return await validate(self.licensing, Question(self.forged.printed(), ADDRESS))

    async def validate(self) -> Answer:
        return await validate(self.licensing, Question(self.key.printed(), ADDRESS))

    async def answer_unsigned(self) -> bytes:
        found = await self.validate()
        assert found.license is not None
        limit_headers(found.taken)
        view = {
            "valid": found.verdict.valid,
            "code": found.verdict.code.value,
            "detail": found.verdict.detail,
            "license": validated_view(found.license, self.licensing.clock.now()),
            "request_digest": content_digest(b"{}"),
        }
        return encode(view)

    async def answer_signed(self) -> Mapping[str, str]:
        body, now = await self.answer_unsigned(), self.licensing.clock.real_now()
        key = self.signing_key
        return signed_headers(key.sign, kid=key.kid, status=200, body=body, nonce="bench", at=now)

    async def _load(self, hashes: Sequence[bytes]) -> Mapping[bytes, Known]:
        return {each: Known(self._license, None, ()) for each in hashes if each == self.key.hash}


async def _no_news(_since: str | None) -> Poll:
    return Poll("0", [], too_many=False)


def measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    """`{call: microseconds}`, the medians of the rounds; the first is for warming up."""
    return asyncio.run(_measure(rounds=rounds, seconds=min(seconds, MOST_SECONDS)))


async def _measure(*, rounds: int, seconds: float) -> dict[str, Any]:
    bench = Workbench()
    await bench.open()
    calls: dict[str, Call] = {
        HMAC: bench.hmac,
        ED25519: bench.ed25519,
        FORGED: bench.validate_forged,
        VERDICT: bench.validate,
        UNSIGNED: bench.answer_unsigned,
        SIGNED: bench.answer_signed,
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        names = list(calls)[number % len(calls) :] + list(calls)[: number % len(calls)]
        for name in names:
            took = await _turn(calls[name], seconds)
            if number:
                found[name].append(took)
    return {name: round(statistics.median(each), 3) for name, each in found.items()}


async def _turn(call: Call, seconds: float) -> float:
    """Microseconds of CPU a call. None of the calls waits for anything, so nothing else runs in between."""
    began_at, calls, used = time.process_time(), 0, 0.0
    while used < seconds:
        for _ in range(CALLS_BETWEEN_LOOKS):
            await call()
        calls += CALLS_BETWEEN_LOOKS
        used = time.process_time() - began_at
    return used / calls * 1e6
