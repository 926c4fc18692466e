"""Is this key good, for this server, now (L4)? Nothing is locked, and nothing is written but when it was asked.

A malformed or badly sealed key is refused before any look-up; others are looked up in what this process remembers,
which is at most 1 s old. Only a floating license's server that holds no seat is looked for in the table.
"""

from dataclasses import dataclass
from functools import lru_cache

from services.licensing.domain.activation import Activation
from services.licensing.domain.license import License
from services.licensing.domain.license_key import LicenseKey, read_license_key, version_that_sealed
from services.licensing.domain.validation_limit import Taken, address_bucket, key_bucket, too_many
from services.licensing.domain.verdict import BAD_SIGNATURE, MALFORMED, NOT_FOUND, REPLACED, Verdict, judge
from services.licensing.service import Licensing
from services.licensing.store import activations
from services.licensing.store.license_directory import Known
from shared.crypto import blind_index
from shared.window_limit import caller_at

_digest = lru_cache(maxsize=4_096)(blind_index)


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """`address` is the caller's. It has no repr, since it holds a key."""

    license_key: str
    address: str
    server_id: str | None = None
    fingerprint: str | None = None
    entitlements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """`license` is what the key opens, if anything; `taken` what is left of the caller's limits."""

    verdict: Verdict
    license: License | None
    taken: list[Taken]


async def validate(licensing: Licensing, question: Question) -> Answer:
    """The verdict. Raises `rate_limited`, and `overloaded` where too many unknown keys wait."""
    answer = await _answered(licensing, question)
    if not answer.verdict.valid:
        licensing.refusals.tell("validate", answer.verdict.code, answer.license, question.license_key)
    return answer


async def _answered(licensing: Licensing, question: Question) -> Answer:
    key = read_license_key(question.license_key)
    is_ours = key is not None and version_that_sealed(key, licensing.secrets.by_version) is not None
    taken = await _take(licensing, question, key if is_ours else None)
    if key is None:
        return Answer(MALFORMED, None, taken)
    if not is_ours:
        return Answer(BAD_SIGNATURE, None, taken)
    known = await licensing.known.find(key.hash)
    if known is None:
        return Answer(NOT_FOUND, None, taken)
    seat = await _seat_of(licensing, known, question.server_id)
    return Answer(_judged(licensing, known, question, seat), known.license, taken)


async def _take(licensing: Licensing, question: Question, key: LicenseKey | None) -> list[Taken]:
    """A token of the address, and of a key that is ours: what somebody made up uses up nobody's limit but his own."""
    settings = licensing.settings
    caller = _digest(caller_at(question.address), settings.blind_index_key)
    wanted = [(f"address:{caller}", address_bucket(settings.validations_per_minute_address))]
    if key is not None:
        wanted.append((f"key:{key.hash.hex()}", key_bucket(settings.validations_per_minute_key)))
    taken = await licensing.limits.take(wanted)
    if not all(one.admitted for one in taken):
        raise too_many(taken)
    return taken


async def _seat_of(licensing: Licensing, known: Known, server_id: str | None) -> Activation | None:
    """The server's activation: one that is remembered, or that a floating license's lease has ended. There may be any
    number of the latter, so they are asked for one by one, within the key's limit."""
    seat = known.seat_of(server_id)
    if seat is not None or server_id is None or known.license.lease_seconds is None:
        return seat
    async with licensing.database.transaction() as connection:
        newest = await activations.of_server(connection, known.license, server_id)
    return newest if newest is not None and not newest.is_open else None


def _judged(licensing: Licensing, known: Known, question: Question, seat: Activation | None) -> Verdict:
    if known.valid_until is not None and licensing.clock.real_now() >= known.valid_until:
        return REPLACED
    now = licensing.clock.now()
    verdict = judge(
        known.license,
        now=now,
        activation=seat,
        active=known.active(now),
        server_id=question.server_id,
        fingerprint=question.fingerprint,
        wanted=question.entitlements,
    )
    if verdict.valid:
        licensing.touches.add(known.license.id, now)
    return verdict
