"""The sandbox's time, in one place, so that it can be moved: whole seconds for objects, real time for
deliveries."""

import time


class Clock:
    """Business time runs beside real time, `ahead_seconds` before it, and never goes back."""

    def __init__(self, ahead_seconds: int = 0) -> None:
        self.ahead_seconds = ahead_seconds

    def now(self) -> int:
        """Business time: creation, expiry, availability."""
        return self.now_if_ahead(self.ahead_seconds)

    def now_if_ahead(self, ahead_seconds: int) -> int:
        """What business time would be, so far ahead."""
        return int(time.time()) + ahead_seconds

    def advance(self, seconds: int) -> None:
        assert seconds >= 0, "business time never goes back"
        self.ahead_seconds += seconds

    def real_now(self) -> float:
        """Real time: webhook retries and signatures."""
        return time.time()
