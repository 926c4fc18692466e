"""The book of money: Stripe's balance, fees and what else no wallet sees.

What was `stripe` on the credits' side is `payments`, and `refunds` for what goes back: the money's side has the same
accounts. Payments from before are booked as received here. Kinds are said anew, which reads the transfers once.
"""

from shared.migrations import execute, grant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    execute(CHART)
    execute(MONEY)
    execute(RECEIVED_BEFORE)
    grant("money_entries", "SELECT, INSERT")
    grant("book", "SELECT")


CHART = """
TRUNCATE chart_of_accounts;
INSERT INTO chart_of_accounts (kind, debit_account, credit_account) VALUES
    ('purchase', 'payments', 'wallet'),
    ('grant', 'promotions', 'wallet'),
    ('charge', 'wallet', 'revenue'),
    ('reversal', 'revenue', 'wallet'),
    ('debit', 'wallet', 'adjustments'),
    ('expiry', 'wallet', 'promotions'),
    ('breakage', 'wallet', 'breakage'),
    ('refund', 'wallet', 'refunds'),
    ('refund_undone', 'refunds', 'wallet'),
    ('dispute', 'wallet', 'disputes'),
    ('dispute_won', 'disputes', 'wallet'),
    ('void', 'wallet', 'wallet');

ALTER TABLE transfers
    DROP CONSTRAINT transfer_is_of_a_kind,
    ADD CONSTRAINT transfer_is_of_a_kind CHECK (kind IN (
        'charge', 'reversal', 'void', 'purchase', 'grant', 'debit', 'expiry', 'breakage', 'refund', 'refund_undone',
        'dispute', 'dispute_won')),
    DROP CONSTRAINT transfer_spends_no_more_than_there_is,
    ADD CONSTRAINT transfer_spends_no_more_than_there_is CHECK (
        kind NOT IN ('charge', 'debit', 'expiry', 'breakage') OR balance_after >= 0);
-- Whose wallets may have been taken under zero.
CREATE INDEX transfers_overdrawing ON transfers (account_id) WHERE kind IN ('refund', 'dispute');
"""

MONEY = """
-- Lines of money postings, append-only. (kind, reference) is a posting, booked once; its lines sum to zero in each
-- currency when the transaction ends. `micros` are millionths of the currency's major unit, a debit over zero and a
-- credit under. `occurred_at` is business time.
CREATE TABLE money_entries (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    kind            text NOT NULL,
    reference       text COLLATE "C" NOT NULL CHECK (reference <> ''),
    line            smallint NOT NULL CHECK (line > 0),
    ledger_account  text NOT NULL,
    currency        text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    micros          bigint NOT NULL CHECK (micros <> 0),
    occurred_at     timestamptz NOT NULL,
    posted_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, reference, line),
    CONSTRAINT money_entry_is_of_a_kind CHECK (kind IN (
        'payment_received', 'refund_made', 'refund_undone', 'dispute_opened', 'dispute_reinstated', 'dispute_lost',
        'dispute_recovered', 'stripe', 'suspense_cleared')),
    CONSTRAINT money_entry_follows_the_chart CHECK (ledger_account IN (
        'stripe_balance', 'bank', 'receivables', 'allowance_for_debts', 'payments', 'refunds', 'disputes', 'suspense',
        'currency_exchange', 'revenue', 'breakage', 'adjustments', 'rounding', 'promotions', 'stripe_fees',
        'dispute_losses'))
);
-- What happened to one payment, refund or dispute; and sums by time.
CREATE INDEX money_entries_of_reference ON money_entries (reference);
CREATE INDEX money_entries_by_time ON money_entries (occurred_at);

CREATE FUNCTION money_posting_is_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM money_entries WHERE kind = NEW.kind AND reference = NEW.reference
               GROUP BY currency HAVING sum(micros) <> 0) THEN
        RAISE EXCEPTION 'the posting % of % does not sum to zero', NEW.kind, NEW.reference
            USING ERRCODE = 'check_violation', CONSTRAINT = 'money_posting_is_balanced';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER money_posting_is_balanced AFTER INSERT ON money_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION money_posting_is_balanced();

-- Both sub-books as one, in micros: a millicredit is a millionth of a dollar. Debits and credits are at or over zero.
CREATE VIEW book AS
    SELECT 'credits' AS sub_book, kind, ledger_account, 'usd' AS currency, greatest(-amount, 0) AS debit,
           greatest(amount, 0) AS credit, created_at AS occurred_at
    FROM entries
    UNION ALL
    SELECT 'money', kind, ledger_account, currency, greatest(micros, 0), greatest(-micros, 0), occurred_at
    FROM money_entries;
"""

RECEIVED_BEFORE = """
-- Until now credits were sold in US dollars alone.
INSERT INTO money_entries (kind, reference, line, ledger_account, currency, micros, occurred_at)
SELECT 'payment_received', payments.id, sides.line, sides.ledger_account, currency, sides.micros, succeeded_at
FROM payments CROSS JOIN LATERAL (VALUES
    (1, 'receivables', amount_minor * 10000),
    (2, 'payments', -millicredits),
    (3, 'rounding', millicredits - amount_minor * 10000)) AS sides (line, ledger_account, micros)
WHERE transfer_id IS NOT NULL AND currency = 'usd' AND sides.micros <> 0;
"""
