"""Failed sign-ins of the last 15 minutes (U10): a try takes its place before the password is checked and gives it back
when it succeeds. Names are `email:<digest>` and `address:<digest>`."""

from redis.asyncio import Redis

from services.gateway.domain.login_limit import WINDOW_SECONDS
from shared.window_limit import WindowLimit


class LoginFailures(WindowLimit):
    """One a process."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis, "login-failures", window_seconds=WINDOW_SECONDS)
