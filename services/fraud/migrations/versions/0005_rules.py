"""Rules as data: versions, their states, snoozes, hits and backtests; what processes' memories must forget (U9, U15)."""

from shared.migrations import execute, grant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    execute(RULES)
    grant("rules", "SELECT, INSERT")
    grant("rule_versions", "SELECT, INSERT, UPDATE (state)")
    grant("rule_steps", "SELECT, INSERT")
    execute(SNOOZES)
    grant("rule_snoozes", "SELECT, INSERT, UPDATE (ended_at, ended_by)")
    execute(HITS)
    execute(BACKTESTS)
    grant("rule_backtests", "SELECT, INSERT")
    execute(CHANGES)
    grant("changes", "SELECT, INSERT, DELETE")


RULES = """
-- `code` is what a reason bears. A version's terms never change; its state does, and each change is a step. One version
-- of a rule at most is live, and one in shadow. `author` is an operator's account, or `system` for those that come with
-- the platform.
CREATE TABLE rules (
    id          text COLLATE "C" PRIMARY KEY,
    code        text NOT NULL UNIQUE,
    created_at  timestamptz NOT NULL
);

CREATE TABLE rule_versions (
    rule_id     text COLLATE "C" NOT NULL REFERENCES rules,
    number      integer NOT NULL CHECK (number > 0),
    expression  text NOT NULL CHECK (length(expression) BETWEEN 1 AND 2000),
    weight_bp   integer NOT NULL CHECK (weight_bp BETWEEN 1 AND 9999),
    detail      text NOT NULL,
    state       text NOT NULL CHECK (state IN ('draft', 'shadow', 'live', 'retired')),
    author      text COLLATE "C" NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (rule_id, number)
);
CREATE UNIQUE INDEX rule_versions_live ON rule_versions (rule_id) WHERE state = 'live';
CREATE UNIQUE INDEX rule_versions_shadow ON rule_versions (rule_id) WHERE state = 'shadow';

-- Append-only, in order of `position`. An operator never makes live what they wrote: the database holds it too.
CREATE TABLE rule_steps (
    position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rule_id   text COLLATE "C" NOT NULL,
    number    integer NOT NULL,
    state     text NOT NULL CHECK (state IN ('draft', 'shadow', 'live', 'retired')),
    author    text COLLATE "C" NOT NULL,
    by        text COLLATE "C" NOT NULL,
    at        timestamptz NOT NULL,
    FOREIGN KEY (rule_id, number) REFERENCES rule_versions,
    CHECK (state <> 'live' OR by <> author OR author = 'system')
);
CREATE INDEX rule_steps_of_version ON rule_steps (rule_id, number, position);
"""

SNOOZES = """
-- Until `expires_at` (business time) a rule does not fire for an account, a card's fingerprint or a device.
CREATE TABLE rule_snoozes (
    id          text COLLATE "C" PRIMARY KEY,
    rule_id     text COLLATE "C" NOT NULL REFERENCES rules,
    kind        text NOT NULL CHECK (kind IN ('account', 'card', 'device')),
    value       text NOT NULL,
    reason      text,
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    ended_at    timestamptz,
    ended_by    text
);
CREATE UNIQUE INDEX rule_snoozes_one ON rule_snoozes (rule_id, kind, value) WHERE ended_at IS NULL;
CREATE INDEX rule_snoozes_of_rule ON rule_snoozes (rule_id, id);
CREATE INDEX rule_snoozes_live ON rule_snoozes (expires_at) WHERE ended_at IS NULL;
"""

HITS = """
-- Which payments a rule fired on; an empty list costs these indexes nothing.
CREATE INDEX fraud_assessments_by_fired ON fraud_assessments USING gin (fired jsonb_path_ops);
CREATE INDEX fraud_assessments_by_shadow ON fraud_assessments USING gin (shadow jsonb_path_ops);
"""

BACKTESTS = """
-- What a version would have done, as `report` tells; append-only.
CREATE TABLE rule_backtests (
    id          text COLLATE "C" PRIMARY KEY,
    rule_id     text COLLATE "C" NOT NULL,
    number      integer NOT NULL,
    report      jsonb NOT NULL,
    created_at  timestamptz NOT NULL,
    created_by  text NOT NULL,
    FOREIGN KEY (rule_id, number) REFERENCES rule_versions
);
CREATE INDEX rule_backtests_of_version ON rule_backtests (rule_id, number, id);
"""

CHANGES = """
-- What each process's memory must forget. Readers ask for rows whose transaction was still running, or had not begun,
-- when they last looked: so none is skipped, however late it commits.
CREATE TABLE changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    ref         text NOT NULL,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changes_by_transaction ON changes (xid);
CREATE INDEX changes_by_age ON changes (created_at);
"""
