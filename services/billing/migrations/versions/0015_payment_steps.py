"""What made each payment what it is, and what Stripe's balance shows of it: both only ever added to."""

from shared.migrations import execute, grant

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    execute(STEPS)
    execute(TRANSACTIONS)
    execute(LOOK_UPS)
    grant("payment_steps", "SELECT, INSERT")
    grant("stripe_transactions", "SELECT, INSERT")


STEPS = """
-- A row for each change of a payment's status or page, written with the change; the first has no `from_status`. `seq`
-- orders a payment's rows, `at` is business time. `reference` names what `cause` is: our id of Stripe's event, an
-- operator's account, a refund, a reconciliation. `session_id` is the page that the payment has from then on;
-- `limit_minor` and `used_minor` are S14's, in US cents, as the first step found them.
CREATE TABLE payment_steps (
    payment_id   text COLLATE "C" NOT NULL REFERENCES payments,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL,
    from_status  text,
    to_status    text NOT NULL,
    cause        text NOT NULL,
    reference    text COLLATE "C",
    session_id   text,
    limit_minor  bigint,
    used_minor   bigint,
    PRIMARY KEY (payment_id, seq),
    CONSTRAINT payment_step_has_a_cause CHECK (cause IN (
        'checkout', 'event', 'expiry', 'customer', 'operator', 'refund_loop', 'reconciliation', 'top_up', 'unknown')),
    CONSTRAINT payment_step_changes_something CHECK (
        from_status IS NULL OR from_status <> to_status OR session_id IS NOT NULL),
    CONSTRAINT payment_step_names_its_cause CHECK (
        (reference IS NOT NULL) = (cause IN ('event', 'operator', 'refund_loop', 'reconciliation'))),
    CONSTRAINT payment_step_knows_the_whole_limit CHECK ((limit_minor IS NULL) = (used_minor IS NULL))
);
"""

TRANSACTIONS = """
-- Transactions of Stripe's balance as Stripe tells them, in minor units of the balance's currency, once each. `source`
-- is Stripe's id of what caused it. `created_at` is Stripe's time, `noted_at` business time.
CREATE TABLE stripe_transactions (
    id            text COLLATE "C" PRIMARY KEY,
    type          text NOT NULL,
    source        text COLLATE "C",
    amount_minor  bigint NOT NULL,
    fee_minor     bigint NOT NULL,
    net_minor     bigint NOT NULL,
    currency      text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    created_at    timestamptz NOT NULL,
    noted_at      timestamptz NOT NULL,
    CONSTRAINT transaction_adds_up CHECK (net_minor = amount_minor - fee_minor)
);
CREATE INDEX stripe_transactions_of_source ON stripe_transactions (source);
"""

LOOK_UPS = """
-- Operators' list by status; and what reconciliations found about one object of Stripe's.
CREATE INDEX payments_by_status ON payments (status, id);
CREATE INDEX reconciliations_by_difference ON reconciliations USING gin (differences jsonb_path_ops);
"""
