"""Sales of the operator's (U7, U8): payments of a business type, made with a device, charged by the card that they name."""

from shared.migrations import execute, grant

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    execute(PAYMENTS)
    execute(LOOK_UPS)
    execute(BOOK)
    grant("payments", "UPDATE (asked_key)")


PAYMENTS = """
-- A sale's business type, and of its amount, in the same minor unit, the tip. A checkout may name a device too. `card_id`
-- of a sale is the payment method that it was asked to be paid with. `asked_key` is a digest of the request's
-- Idempotency-Key: by it a repeat finds the sale that the first attempt began.
ALTER TABLE payments ADD COLUMN business_type text,
    ADD COLUMN device_id text COLLATE "C",
    ADD COLUMN tip_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN description text,
    ADD COLUMN asked_key bytea,
    DROP CONSTRAINT payment_is_of_an_origin,
    ADD CONSTRAINT payment_is_of_an_origin CHECK (origin IN ('checkout', 'auto_top_up', 'subscription', 'sale')),
    DROP CONSTRAINT top_up_names_its_card,
    ADD CONSTRAINT payment_without_a_page_names_its_card CHECK (
        (origin IN ('auto_top_up', 'sale')) = (card_id IS NOT NULL)),
    ADD CONSTRAINT sale_says_so CHECK ((type = 'sale') = (origin = 'sale')),
    ADD CONSTRAINT sale_is_of_a_business_type CHECK ((type = 'sale') = (business_type IS NOT NULL)),
    ADD CONSTRAINT sale_is_made_with_a_device CHECK (type <> 'sale' OR device_id IS NOT NULL),
    ADD CONSTRAINT tip_is_part_of_a_sale CHECK (tip_minor BETWEEN 0 AND amount_minor AND (type = 'sale' OR tip_minor = 0));
"""

LOOK_UPS = """
CREATE UNIQUE INDEX payments_asked_once ON payments (account_id, asked_key) WHERE asked_key IS NOT NULL;
-- What a device's sales have used of a minute and of a day; an account's are found by `payments_of_account_by_time`.
CREATE INDEX payments_of_device ON payments (device_id, created_at) WHERE type = 'sale';
CREATE INDEX payments_of_account_by_time ON payments (account_id, created_at) WHERE type = 'sale';
"""

BOOK = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE money_entries DROP CONSTRAINT money_entry_follows_the_chart,
    ADD CONSTRAINT money_entry_follows_the_chart CHECK (ledger_account IN (
        'stripe_balance', 'bank', 'receivables', 'allowance_for_debts', 'payments', 'refunds', 'disputes', 'suspense',
        'currency_exchange', 'revenue', 'breakage', 'adjustments', 'rounding', 'promotions', 'stripe_fees',
        'dispute_losses', 'deferred_subscriptions', 'subscription_revenue', 'sales_revenue'));
SET CONSTRAINTS ALL DEFERRED;
"""
