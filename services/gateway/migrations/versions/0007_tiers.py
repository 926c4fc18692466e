"""What verifies an account by itself (S14): payments that billing told of, and whether an operator set the tier."""

from shared.migrations import execute, grant

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    execute(ACCOUNTS)
    execute(PAYMENTS)
    grant("paid_payments", "SELECT, INSERT, UPDATE, DELETE")


ACCOUNTS = """
-- A tier that an operator has set is an operator's to change from then on.
ALTER TABLE accounts ADD COLUMN tier_is_set boolean NOT NULL DEFAULT false;
UPDATE accounts SET tier_is_set = true
WHERE tier <> 'new'
   OR id IN (SELECT subject FROM audit WHERE action = 'account.changed' AND details ->> 'tier' IS NOT NULL);
"""

PAYMENTS = """
-- Payments of new accounts, by the account; `paid_at` is business time. One that was given back or is disputed is not
-- good. An account's rows go once its tier is settled.
CREATE TABLE paid_payments (
    payment_id   text COLLATE "C" PRIMARY KEY,
    account_id   text COLLATE "C" NOT NULL,
    paid_at      timestamptz NOT NULL,
    is_good      boolean NOT NULL
);
CREATE INDEX paid_payments_good ON paid_payments (paid_at, account_id) WHERE is_good;
CREATE INDEX paid_payments_of_account ON paid_payments (account_id);
"""
