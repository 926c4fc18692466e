"""Payments, and the inbox of Stripe's events.

Money is in minor units, `usd_minor` in US cents, credits in millicredits. Payments' instants are business time; leases
and retries are the database's.
"""

from shared.migrations import execute, grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    execute(PAYMENTS)
    execute(WEBHOOK_EVENTS)
    grant(
        "payments",
        "SELECT, INSERT, UPDATE (status, refunded_minor, assessment_id, score, reasons, flags, session_id, intent_id,"
        " charge_id, checkout_url, transfer_id, succeeded_at, updated_at, leased_until, poll_at)",
    )
    grant(
        "webhook_events", "SELECT, INSERT, UPDATE (status, attempts, error, next_attempt_at, leased_until, handled_at)"
    )


PAYMENTS = """
-- A pending row is also the reservation that S14's limit counts. `transfer_id` is the purchase's transfer: with the
-- row's lock, the reason why a payment is credited once. `session_id`, `intent_id` and `charge_id` are Stripe's.
-- `leased_until` keeps two loops from asking Stripe about one payment; `poll_at` is when to ask without any event.
CREATE TABLE payments (
    id              text COLLATE "C" PRIMARY KEY,
    account_id      text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    type            text NOT NULL CHECK (type IN ('credits', 'sale')),
    status          text NOT NULL CHECK (status IN (
                        'pending', 'in_review', 'requires_action', 'processing', 'succeeded', 'failed', 'canceled',
                        'expired', 'blocked', 'refunded', 'partially_refunded', 'disputed')),
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    currency        text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    usd_minor       bigint NOT NULL CHECK (usd_minor >= 0),
    millicredits    bigint NOT NULL CHECK (millicredits >= 0),
    refunded_minor  bigint NOT NULL DEFAULT 0,
    assessment_id   text,
    score           smallint CHECK (score BETWEEN 0 AND 100),
    reasons         jsonb NOT NULL DEFAULT '[]',
    flags           text[] NOT NULL DEFAULT '{}',
    success_url     text NOT NULL,
    cancel_url      text NOT NULL,
    session_id      text UNIQUE,
    intent_id       text UNIQUE,
    charge_id       text,
    checkout_url    text,
    transfer_id     uuid UNIQUE,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    succeeded_at    timestamptz,
    leased_until    timestamptz NOT NULL DEFAULT '-infinity',
    poll_at         timestamptz NOT NULL DEFAULT now() + interval '2 minutes',
    CONSTRAINT payment_gives_back_no_more_than_was_paid CHECK (refunded_minor BETWEEN 0 AND amount_minor),
    CONSTRAINT payment_buys_credits_or_is_a_sale CHECK ((type = 'credits') = (millicredits > 0)),
    CONSTRAINT payment_is_credited_when_paid CHECK (
        type <> 'credits'
        OR (transfer_id IS NOT NULL) = (status IN ('succeeded', 'refunded', 'partially_refunded', 'disputed')))
);
-- Lists (newest first) and S14's sum of an account.
CREATE INDEX payments_of_account ON payments (account_id, id);
CREATE INDEX payments_live ON payments (account_id, created_at) WHERE status NOT IN ('failed', 'canceled', 'expired', 'blocked');
-- What the loop looks after.
CREATE INDEX payments_under_way ON payments (expires_at) WHERE status IN ('pending', 'requires_action', 'processing');
"""

WEBHOOK_EVENTS = """
-- One row for each of Stripe's event ids, however often it comes. The body holds personal data and is sealed. A row is
-- worked on by whoever leased it last: `attempts` counts the leases, and a worker whose count has passed may not close.
CREATE TABLE webhook_events (
    id               text COLLATE "C" PRIMARY KEY,
    stripe_event_id  text COLLATE "C" NOT NULL UNIQUE,
    type             text NOT NULL,
    api_version      text,
    livemode         boolean NOT NULL,
    stripe_account   text,
    status           text NOT NULL CHECK (status IN ('received', 'handled', 'ignored', 'failed', 'parked')),
    attempts         integer NOT NULL DEFAULT 0,
    error            text,
    body             bytea NOT NULL,
    received_at      timestamptz NOT NULL,
    handled_at       timestamptz,
    next_attempt_at  timestamptz NOT NULL DEFAULT now(),
    leased_until     timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE INDEX webhook_events_due ON webhook_events (next_attempt_at) WHERE status IN ('received', 'failed');
"""
