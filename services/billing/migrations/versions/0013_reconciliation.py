"""What reconciliation with Stripe found."""

from shared.migrations import execute, grant

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    execute(RECONCILIATIONS)
    grant("reconciliations", "SELECT, INSERT, UPDATE (finished_at, checked, differences, drift, error), DELETE")


RECONCILIATIONS = """
-- A row for each run. One that has not finished is under way, or its process died. Instants are business time;
-- `asked_at` is the database's, by which runs keep their distance.
CREATE TABLE reconciliations (
    id           text COLLATE "C" PRIMARY KEY,
    days         integer NOT NULL CHECK (days > 0),
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    checked      jsonb NOT NULL DEFAULT '{}',
    differences  jsonb NOT NULL DEFAULT '[]',
    drift        jsonb NOT NULL DEFAULT '{}',
    error        text,
    asked_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX reconciliations_by_asking ON reconciliations (asked_at);
"""
