"""The table that each schema has whose service's business time may be moved (never in production)."""

from shared.migrations import execute, grant


def create_clock() -> None:
    """Make and grant it. Without a row business time is real time."""
    execute(
        """
        -- Business time is `ahead_seconds` before real time; it never goes back. See `shared/kept_clock.py`.
        CREATE TABLE clock (
            only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
            ahead_seconds  bigint NOT NULL CHECK (ahead_seconds >= 0),
            moved_at       timestamptz NOT NULL
        );
        """
    )
    grant("clock", "SELECT, INSERT, UPDATE")
