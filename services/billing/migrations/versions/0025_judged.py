"""What fraud's judgement needs here: exact scores, decisions of reviews, payments that are to be judged late, and copies
of the blacklist and of the devices."""

from shared.migrations import execute, grant

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    execute(PAYMENTS)
    execute(CAUSES)
    execute(REVIEWS)
    execute(COPIES)
    grant("payments", "INSERT (saves_card), UPDATE (expires_at)")
    for table in ("review_decisions", "late_assessments", "blacklist_copy", "devices"):
        grant(table, "SELECT, INSERT, UPDATE, DELETE")


PAYMENTS = """
-- 0 to 100 with two decimals. `saves_card`: the page that is made once it is approved keeps the card that pays.
ALTER TABLE payments ALTER COLUMN score TYPE numeric(5, 2),
    ADD COLUMN saves_card boolean NOT NULL DEFAULT false;
"""

CAUSES = """
ALTER TABLE payment_steps DROP CONSTRAINT payment_step_has_a_cause,
    ADD CONSTRAINT payment_step_has_a_cause CHECK (cause IN (
        'checkout', 'sale', 'event', 'expiry', 'customer', 'operator', 'review', 'refund_loop', 'reconciliation',
        'top_up', 'subscription_check', 'subscription_deed', 'license', 'unknown')),
    DROP CONSTRAINT payment_step_names_its_cause,
    ADD CONSTRAINT payment_step_names_its_cause CHECK (
        (reference IS NOT NULL)
        = (cause IN ('event', 'operator', 'review', 'refund_loop', 'reconciliation', 'license')));
"""

REVIEWS = """
-- What was decided of a held payment, and whether it is done: each decision once. `decided_by` is an operator's account,
-- or `fraud` where its judgement came late. Pauses (`next_at`) are real time, the other instants business time.
-- `page_until` is the end of the payment page that is being made.
CREATE TABLE review_decisions (
    payment_id   text COLLATE "C" NOT NULL,
    decision     text NOT NULL CHECK (decision IN ('approved', 'rejected')),
    decided_by   text COLLATE "C" NOT NULL,
    decided_at   timestamptz NOT NULL,
    page_until   timestamptz,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT '-infinity',
    outcome      text,
    done_at      timestamptz,
    PRIMARY KEY (payment_id, decision),
    CONSTRAINT review_decision_is_done_with_an_outcome CHECK ((outcome IS NULL) = (done_at IS NULL))
);
CREATE INDEX review_decisions_due ON review_decisions (next_at) WHERE done_at IS NULL;

-- Payments that fraud has not judged, with what it would have been told, sealed. A row goes once it has.
CREATE TABLE late_assessments (
    payment_id   text COLLATE "C" PRIMARY KEY,
    facts_sealed bytea NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT '-infinity',
    created_at   timestamptz NOT NULL
);
CREATE INDEX late_assessments_due ON late_assessments (next_at);
"""

COPIES = """
-- Live entries of fraud's blacklist, as its feed tells of them: they block while fraud is away.
CREATE TABLE blacklist_copy (
    entry_id     text COLLATE "C" PRIMARY KEY,
    kind         text NOT NULL,
    match        text COLLATE "C" NOT NULL,
    expires_at   timestamptz
);
CREATE INDEX blacklist_copy_by_match ON blacklist_copy (kind, match);

-- Devices as fraud's feed tells of them: whose each is.
CREATE TABLE devices (
    id           text COLLATE "C" PRIMARY KEY,
    type         text NOT NULL,
    capabilities text[] NOT NULL,
    account_id   text COLLATE "C"
);
"""
