"""When an undelivered webhook is tried again. Real time, not the business clock."""

# Seconds after the first, second, ... failed attempt; the last one repeats.
DELAYS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
GIVE_UP_AFTER = 3 * 24 * 3600.0


def next_attempt_at(*, attempts: int, first_at: float, now: float) -> float | None:
    """The instant of the next attempt after `attempts` failed ones; None once three days have passed."""
    at = now + DELAYS[min(attempts, len(DELAYS)) - 1]
    return at if at - first_at <= GIVE_UP_AFTER else None
