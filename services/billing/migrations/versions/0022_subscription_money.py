"""Payments of subscriptions, and how much of each is earned."""

from shared.migrations import execute

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    execute(PAYMENTS)
    execute(BOOK)
    execute(INVOICES)


PAYMENTS = """
ALTER TABLE payments DROP CONSTRAINT payments_type_check,
    ADD CONSTRAINT payment_is_of_a_type CHECK (type IN ('credits', 'sale', 'subscription')),
    DROP CONSTRAINT payments_origin_check,
    ADD CONSTRAINT payment_is_of_an_origin CHECK (origin IN ('checkout', 'auto_top_up', 'subscription')),
    ADD CONSTRAINT payment_of_a_subscription_says_so CHECK ((type = 'subscription') = (origin = 'subscription'));
"""

BOOK = """
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE money_entries DROP CONSTRAINT money_entry_is_of_a_kind,
    ADD CONSTRAINT money_entry_is_of_a_kind CHECK (kind IN (
        'payment_received', 'refund_made', 'refund_undone', 'dispute_opened', 'dispute_resized', 'dispute_reinstated',
        'dispute_lost', 'dispute_recovered', 'debt_recovered', 'subscription_earned', 'stripe', 'suspense_cleared')),
    DROP CONSTRAINT money_entry_follows_the_chart,
    ADD CONSTRAINT money_entry_follows_the_chart CHECK (ledger_account IN (
        'stripe_balance', 'bank', 'receivables', 'allowance_for_debts', 'payments', 'refunds', 'disputes', 'suspense',
        'currency_exchange', 'revenue', 'breakage', 'adjustments', 'rounding', 'promotions', 'stripe_fees',
        'dispute_losses', 'deferred_subscriptions', 'subscription_revenue'));
SET CONSTRAINTS ALL DEFERRED;
"""

INVOICES = """
-- How much of a paid invoice is booked as earned, in its minor unit, by so many postings, and when there is more to look
-- at (business time): null where nothing was paid, and once all is earned.
ALTER TABLE subscription_invoices ADD COLUMN earned_minor bigint NOT NULL DEFAULT 0 CHECK (earned_minor >= 0),
    ADD COLUMN earned_times integer NOT NULL DEFAULT 0,
    ADD COLUMN earn_at timestamptz;
CREATE INDEX subscription_invoices_to_earn ON subscription_invoices (earn_at) WHERE earn_at IS NOT NULL;
CREATE INDEX payments_without_charge ON payments (leased_until) WHERE type = 'subscription' AND charge_id IS NULL;
"""
