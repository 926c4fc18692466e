"""A refund or a dispute stops automatic top-ups, and looks that buy nothing come at longer and longer intervals."""

from shared.migrations import execute

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    execute(STOPS)
    execute(LOOKS)


STOPS = """
ALTER TABLE auto_top_ups DROP CONSTRAINT auto_top_ups_stopped_check,
    ADD CONSTRAINT top_up_stops_for_a_reason CHECK (stopped IN (
        'declined', 'no_card', 'blocked', 'refunded', 'disputed'));
"""

LOOKS = """
-- Looks in a row that bought nothing, and did not learn when to look again. Each look moves `next_at` before it begins.
ALTER TABLE auto_top_ups ADD COLUMN looks integer NOT NULL DEFAULT 0 CHECK (looks >= 0);
"""
