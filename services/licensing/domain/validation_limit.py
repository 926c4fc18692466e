"""How often validations may be asked for (S2's buckets): by address, and by key. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.errors import DomainError
from shared.token_bucket import MINUTE_MS, Bucket, seconds_until_one


@dataclass(frozen=True, slots=True)
class Taken:
    """What a bucket said of one call, and what it holds after it, in units."""

    bucket: Bucket
    admitted: bool
    units: int


@lru_cache(maxsize=16)
def address_bucket(per_minute: int) -> Bucket:
    return Bucket("address", per_minute, MINUTE_MS)


@lru_cache(maxsize=16)
def key_bucket(per_minute: int) -> Bucket:
    return Bucket("key", per_minute, MINUTE_MS)


def limit_headers(taken: Sequence[Taken]) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): `t` is when the bucket is full."""
    return {
        "RateLimit-Policy": ", ".join(f'"{one.bucket.name}";q={one.bucket.capacity};w=60' for one in taken),
        "RateLimit": ", ".join(
            f'"{one.bucket.name}";r={one.units // one.bucket.window_ms};t={_seconds_until_full(one)}' for one in taken
        ),
    }


def too_many(taken: Sequence[Taken]) -> DomainError:
    """The refusal where a bucket was empty."""
    refused = [one for one in taken if not one.admitted]
    seconds = seconds_until_one([one.bucket for one in refused], [one.units for one in refused])
    return DomainError(
        "rate_limited",
        f"Too many validations for one {refused[0].bucket.name}; try again in {seconds} s.",
        headers={"Retry-After": str(seconds), **limit_headers(taken)},
    )


def _seconds_until_full(taken: Taken) -> int:
    return -(-(taken.bucket.full - taken.units) // (taken.bucket.capacity * 1_000))
