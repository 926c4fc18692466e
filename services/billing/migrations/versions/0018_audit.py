"""The audit trail: who did what with credits and money, append-only."""

from shared.migrations import execute, grant

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    execute(AUDIT)
    grant("audit", "SELECT, INSERT")


AUDIT = """
-- `actor` is an account's id or `command line`; `created_at` is business time, which the id begins with. `details` hold
-- no personal data. Nobody is granted more than to add to it.
CREATE TABLE audit (
    id           text COLLATE "C" PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    action       text NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    details      jsonb NOT NULL,
    request_id   text
);
CREATE INDEX audit_of_subject ON audit (subject, id);
"""
