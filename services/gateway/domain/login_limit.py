"""How often sign-ins may fail (U10)."""

from shared.errors import DomainError

WINDOW_SECONDS = 900


def limit_headers(*, most: int, left: int, reset_seconds: int = WINDOW_SECONDS) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers) of an email's failures."""
    return {
        "RateLimit-Policy": f'"sign-in";q={most};w={WINDOW_SECONDS}',
        "RateLimit": f'"sign-in";r={left};t={reset_seconds}',
    }


class TooManyFailures(DomainError):
    """Refused before the password was looked at; the window takes `most`."""

    def __init__(self, retry_after_ms: int, *, most: int) -> None:
        seconds = max(1, -(-retry_after_ms // 1000))
        super().__init__(
            "rate_limited",
            f"Too many failed sign-ins. Try again in {seconds} s, or reset the password.",
            headers={"Retry-After": str(seconds), **limit_headers(most=most, left=0, reset_seconds=seconds)},
        )
