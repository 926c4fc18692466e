"""Cases for people to decide, labels with the time at which each became known, and the audit trail (S15, U9)."""

from shared.migrations import execute, grant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    execute(CASES)
    grant("cases", "SELECT, INSERT, UPDATE (status, assignee, overdue_at, decided_at, decided_by)")
    grant("case_steps", "SELECT, INSERT")
    execute(LABELS)
    grant("labels", "SELECT, INSERT")
    execute(AUDIT)
    grant("audit", "SELECT, INSERT")


CASES = """
-- A payment has one case at most. `held`: the payment waits for the decision; `watch`: it went on. `closed`: the payment
-- ended before anybody decided. `overdue_at` is when the deadline passed without a decision.
CREATE TABLE cases (
    id          uuid PRIMARY KEY,
    payment_id  text NOT NULL UNIQUE,
    account_id  text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('held', 'watch')),
    status      text NOT NULL CHECK (status IN ('open', 'approved', 'rejected', 'closed')),
    score       numeric(5, 2) NOT NULL CHECK (score BETWEEN 0 AND 100),
    reasons     jsonb NOT NULL,
    signals     jsonb NOT NULL,
    assignee    text,
    created_at  timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,
    overdue_at  timestamptz,
    decided_at  timestamptz,
    decided_by  text,
    CHECK ((status = 'open') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX cases_of_account ON cases (account_id, id);
CREATE INDEX cases_open ON cases (id) WHERE status = 'open';
CREATE INDEX cases_of_assignee ON cases (assignee, id) WHERE assignee IS NOT NULL;
CREATE INDEX cases_waiting ON cases (due_at) WHERE status = 'open' AND overdue_at IS NULL;

-- What befell a case, append-only, in order of `position`. It ends once, whoever tries how often.
CREATE TABLE case_steps (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id   uuid NOT NULL REFERENCES cases,
    kind      text NOT NULL CHECK (kind IN ('opened', 'assigned', 'noted', 'overdue', 'approved', 'rejected',
                                            'blocked', 'closed')),
    by        text NOT NULL,
    at        timestamptz NOT NULL,
    details   jsonb NOT NULL
);
CREATE INDEX case_steps_of_case ON case_steps (case_id, position);
CREATE UNIQUE INDEX case_steps_end ON case_steps (case_id)
    WHERE kind IN ('approved', 'rejected', 'blocked', 'closed');
"""

LABELS = """
-- Whether a payment was fraud, as somebody came to know: append-only, each word with the time from which it may be used.
-- `reference` is what was heard (a case; a dispute and its state), so that the same news counts once. Of two words of one
-- instant the higher `id` was said later.
CREATE TABLE labels (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id  text NOT NULL,
    is_fraud    boolean NOT NULL,
    source      text NOT NULL CHECK (source IN ('dispute', 'review', 'operator')),
    reference   text NOT NULL,
    known_at    timestamptz NOT NULL,
    UNIQUE (source, reference)
);
CREATE INDEX labels_of_payment ON labels (payment_id, known_at);
"""

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
