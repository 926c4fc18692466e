"""Customers of Stripe's, saved cards and automatic top-ups."""

from shared.migrations import execute, grant

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    execute(CUSTOMERS)
    execute(TOP_UPS)
    execute(PAYMENTS)
    grant("stripe_customers", "SELECT, INSERT, UPDATE (customer_id, read_at), DELETE")
    grant("saved_cards", "SELECT, INSERT, UPDATE, DELETE")
    grant("auto_top_ups", "SELECT, INSERT, UPDATE")
    grant("payments", "INSERT (origin, card_id, failure_code), UPDATE (failure_code)")


CUSTOMERS = """
-- Which customer of Stripe's an account is. Stripe keeps the cards; a row here is what was last read of each.
CREATE TABLE stripe_customers (
    account_id   text COLLATE "C" PRIMARY KEY,
    customer_id  text COLLATE "C" NOT NULL UNIQUE,
    created_at   timestamptz NOT NULL,
    read_at      timestamptz NOT NULL DEFAULT '-infinity'
);
CREATE TABLE saved_cards (
    id           text COLLATE "C" PRIMARY KEY,
    account_id   text COLLATE "C" NOT NULL REFERENCES stripe_customers ON DELETE CASCADE,
    brand        text NOT NULL,
    last4        text NOT NULL,
    exp_month    smallint NOT NULL,
    exp_year     smallint NOT NULL,
    is_default   boolean NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE UNIQUE INDEX saved_cards_one_default ON saved_cards (account_id) WHERE is_default;
CREATE INDEX saved_cards_of_account ON saved_cards (account_id, id);
"""

TOP_UPS = """
-- What an account wants bought by itself. Amounts are millicredits. `declines` counts those in a row; `stopped` says why
-- no more is tried until the customer sets it anew, `waits_for` what has no room before `next_at`. `next_at` is business time.
CREATE TABLE auto_top_ups (
    account_id   text COLLATE "C" PRIMARY KEY,
    enabled      boolean NOT NULL,
    threshold    bigint NOT NULL CHECK (threshold >= 0),
    amount       bigint NOT NULL CHECK (amount > 0),
    monthly_cap  bigint NOT NULL,
    declines     integer NOT NULL DEFAULT 0 CHECK (declines >= 0),
    stopped      text CHECK (stopped IN ('declined', 'no_card', 'blocked')),
    waits_for    text CHECK (waits_for IN ('limit', 'monthly_cap')),
    next_at      timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    CONSTRAINT top_up_fits_its_cap CHECK (monthly_cap >= amount)
);
CREATE INDEX auto_top_ups_due ON auto_top_ups (next_at) WHERE enabled AND stopped IS NULL;
"""

PAYMENTS = """
-- Who began a payment: the customer at a checkout, or a top-up by itself with the saved card `card_id`.
ALTER TABLE payments ADD COLUMN origin text NOT NULL DEFAULT 'checkout' CHECK (origin IN ('checkout', 'auto_top_up'));
ALTER TABLE payments ADD COLUMN card_id text;
-- Why the bank refused the card, in Stripe's word for it.
ALTER TABLE payments ADD COLUMN failure_code text;
ALTER TABLE payments ADD CONSTRAINT top_up_names_its_card CHECK ((origin = 'auto_top_up') = (card_id IS NOT NULL));
-- One in flight for each account, whatever processes look.
CREATE UNIQUE INDEX payments_one_top_up_in_flight ON payments (account_id)
    WHERE origin = 'auto_top_up' AND status IN ('pending', 'in_review', 'requires_action', 'processing');
"""
