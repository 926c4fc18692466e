"""What a posting writes, made thin; and what a running call has cost so far.

A kind says both sides of a transfer, so they are told by a table of kinds and not written a million times. Primary keys
of transfers and holds begin with the time-ordered id: new rows meet on one page, whatever their accounts. `xid` is the
transaction that wrote a transfer, the order that the seal takes them in; those from before have 0. A usage record is
found by its account and the time in its id, and has room on its page for the one change that follows.

Keys are built anew under locks: some seconds for each million of transfers. Rows stay as they are.
"""

from shared.migrations import execute, grant

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    execute(TRANSFERS)
    execute(HOLDS)
    execute(USAGE)
    execute(MONTHS)
    grant("chart_of_accounts", "SELECT")
    grant("entries", "SELECT")
    grant("holds", "UPDATE (spent, calls, tokens, units)")


TRANSFERS = """
DROP VIEW entries;

-- The debited and the credited ledger account of each kind of transfer.
CREATE TABLE chart_of_accounts (
    kind            text PRIMARY KEY,
    debit_account   text NOT NULL,
    credit_account  text NOT NULL
);
INSERT INTO chart_of_accounts (kind, debit_account, credit_account) VALUES
    ('purchase', 'stripe', 'wallet'),
    ('grant', 'promotions', 'wallet'),
    ('charge', 'wallet', 'revenue'),
    ('reversal', 'revenue', 'wallet'),
    ('debit', 'wallet', 'adjustments'),
    ('expiry', 'wallet', 'promotions'),
    ('refund', 'wallet', 'stripe'),
    ('dispute', 'wallet', 'disputes'),
    ('dispute_won', 'disputes', 'wallet'),
    ('void', 'wallet', 'wallet');

ALTER TABLE transfers
    DROP COLUMN debit_account,
    DROP COLUMN credit_account,
    DROP CONSTRAINT transfers_pkey,
    ADD CONSTRAINT transfers_pkey PRIMARY KEY (id, account_id),
    ADD CONSTRAINT transfer_is_of_a_kind CHECK (kind IN (
        'charge', 'reversal', 'void', 'purchase', 'grant', 'debit', 'expiry', 'refund', 'dispute', 'dispute_won')),
    ADD COLUMN xid xid8 NOT NULL DEFAULT '0';
ALTER TABLE transfers ALTER COLUMN xid SET DEFAULT pg_current_xact_id();
CREATE INDEX transfers_xid ON transfers (xid);

-- The double entry as two rows for each transfer; over all of them `amount` sums to zero.
CREATE VIEW entries AS
    SELECT account_id, id AS transfer_id, kind, debit_account AS ledger_account, -amount AS amount, created_at
    FROM transfers JOIN chart_of_accounts USING (kind) WHERE kind <> 'void'
    UNION ALL
    SELECT account_id, id, kind, credit_account, amount, created_at
    FROM transfers JOIN chart_of_accounts USING (kind) WHERE kind <> 'void';
"""

HOLDS = """
-- `spent` is what the running call has cost so far, by its gateway's word, and with it what was metered: the hold is
-- captured for so much when nobody does it in time.
ALTER TABLE holds
    DROP CONSTRAINT holds_pkey,
    ADD CONSTRAINT holds_pkey PRIMARY KEY (id, account_id),
    ADD COLUMN spent bigint NOT NULL DEFAULT 0,
    ADD COLUMN calls bigint NOT NULL DEFAULT 1,
    ADD COLUMN tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN units bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT hold_spends_no_more_than_it_holds CHECK (spent BETWEEN 0 AND amount);
"""

USAGE = """
DROP INDEX usage_records_by_time;
ALTER TABLE usage_records
    DROP CONSTRAINT usage_records_calls_check,
    DROP CONSTRAINT usage_records_tokens_check,
    DROP CONSTRAINT usage_records_units_check,
    DROP CONSTRAINT usage_records_held_check,
    DROP CONSTRAINT usage_records_credits_check,
    ADD CONSTRAINT usage_counts_nothing_negative CHECK (least(calls, tokens, units, held, credits) >= 0);
"""

MONTHS = """
-- As before; a month of usage records keeps room on its pages for the change that follows each row.
CREATE OR REPLACE FUNCTION make_months() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = billing, pg_temp
AS $$
DECLARE
    month      timestamp;
    parent     text;
    partition  text;
    made       integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('billing.make_months'));
    FOR month IN SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => step)
                 FROM generate_series(-2, 3) AS step LOOP
        FOREACH parent IN ARRAY ARRAY['transfers', 'reversals', 'holds', 'usage_records'] LOOP
            partition := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN to_regclass(partition) IS NOT NULL;
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL) WITH (fillfactor = %s)', partition, parent,
                           CASE parent WHEN 'usage_records' THEN 60 WHEN 'holds' THEN 60 ELSE 100 END);
            IF parent = 'transfers' THEN
                EXECUTE format('CREATE UNIQUE INDEX %I ON %I (account_id, position) WHERE kind <> ''void''',
                               partition || '_position', partition);
            END IF;
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, partition,
                           first_uuid_at(month AT TIME ZONE 'UTC'),
                           first_uuid_at((month + interval '1 month') AT TIME ZONE 'UTC'));
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits
                     WHERE inhparent IN ('usage_records'::regclass, 'holds'::regclass) LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 60)', partition);
    END LOOP;
END $$;
"""
