"""The sandbox's time, in one place, so that it can be moved: whole seconds for objects, real time for
deliveries."""

import time


class Clock:
    def now(self) -> int:
        """Business time: creation, expiry, availability."""
        return int(time.time())

    def real_now(self) -> float:
        """Real time: webhook retries and signatures."""
        return time.time()
