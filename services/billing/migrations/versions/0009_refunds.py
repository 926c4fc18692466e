"""Refunds.

Money is in the payment's currency's minor unit, credits in millicredits. `created_at` is business time; leases are the
database's.
"""

from shared.migrations import execute, grant

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    execute(REFUNDS)
    grant(
        "refunds",
        "SELECT, INSERT, UPDATE (status, asked_key, stripe_id, failure_reason, taken_millicredits,"
        " returned_millicredits, transfer_id, return_transfer_id, updated_at, attempts, leased_until)",
    )


REFUNDS = """
-- A row for each refund: asked for here (`requested_by` is the operator's account), or made at Stripe. `stripe_id` is
-- Stripe's, and `asked_key` a digest of the request's idempotency key, by which a repeat finds what it began. With the
-- payment's lock these are the reasons why a refund takes its credits once. `leased_until` keeps two loops from asking
-- Stripe about one refund.
CREATE TABLE refunds (
    id                     text COLLATE "C" PRIMARY KEY,
    payment_id             text COLLATE "C" NOT NULL REFERENCES payments,
    amount_minor           bigint NOT NULL CHECK (amount_minor > 0),
    currency               text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status                 text NOT NULL CHECK (status IN (
                               'requested', 'pending', 'requires_action', 'succeeded', 'failed', 'canceled')),
    requested_by           text,
    reason                 text,
    asked_key              bytea UNIQUE,
    stripe_id              text COLLATE "C" UNIQUE,
    failure_reason         text,
    taken_millicredits     bigint NOT NULL DEFAULT 0 CHECK (taken_millicredits >= 0),
    returned_millicredits  bigint NOT NULL DEFAULT 0 CHECK (returned_millicredits >= 0),
    transfer_id            uuid UNIQUE,
    return_transfer_id     uuid UNIQUE,
    created_at             timestamptz NOT NULL,
    updated_at             timestamptz NOT NULL,
    attempts               integer NOT NULL DEFAULT 0,
    leased_until           timestamptz NOT NULL DEFAULT now() + interval '30 seconds',
    CONSTRAINT refund_counts_once_stripe_has_it CHECK (
        CASE WHEN status = 'requested' THEN stripe_id IS NULL
             WHEN status = 'failed' THEN true
             ELSE stripe_id IS NOT NULL END),
    CONSTRAINT refund_takes_by_a_transfer CHECK ((taken_millicredits > 0) = (transfer_id IS NOT NULL)),
    CONSTRAINT refund_returns_by_a_transfer CHECK ((returned_millicredits > 0) = (return_transfer_id IS NOT NULL))
);
-- A payment's refunds, newest first; and what the loop looks after.
CREATE INDEX refunds_of_payment ON refunds (payment_id, id);
CREATE INDEX refunds_asked_for ON refunds (leased_until) WHERE status = 'requested';
-- Stripe names a charge where it names no intent.
CREATE INDEX payments_of_charge ON payments (charge_id) WHERE charge_id IS NOT NULL;
"""
