"""How often devices may be registered from one address (U10)."""

from shared.errors import DomainError

WINDOW_SECONDS = 3_600


def too_many(retry_after_ms: int, *, most: int) -> DomainError:
    """The refusal of one more than `most` within the window (draft-ietf-httpapi-ratelimit-headers)."""
    seconds = max(1, -(-retry_after_ms // 1_000))
    return DomainError(
        "rate_limited",
        f"Up to {most} devices may be registered within an hour. Try again in {seconds} s.",
        headers={
            "Retry-After": str(seconds),
            "RateLimit-Policy": f'"device-registrations";q={most};w={WINDOW_SECONDS}',
            "RateLimit": f'"device-registrations";r=0;t={seconds}',
        },
    )
