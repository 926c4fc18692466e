"""What discounts took off an invoice, and a license that was revoked as a cause."""

from shared.migrations import execute

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    execute(INVOICES)
    execute(CAUSES)


INVOICES = """
-- In its currency's minor unit; `total_minor` is what is left.
ALTER TABLE subscription_invoices
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0 CHECK (discount_minor >= 0);
"""

CAUSES = """
ALTER TABLE payment_steps DROP CONSTRAINT payment_step_has_a_cause,
    ADD CONSTRAINT payment_step_has_a_cause CHECK (cause IN (
        'checkout', 'event', 'expiry', 'customer', 'operator', 'refund_loop', 'reconciliation', 'top_up',
        'subscription_check', 'subscription_deed', 'license', 'unknown'));
"""
