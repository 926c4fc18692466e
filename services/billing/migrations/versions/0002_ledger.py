"""The ledger: wallets, transfers, reversals, holds, grants, usage, and the months they are kept in.

Amounts are integer millicredits. Transfers, holds and usage records lie in monthly partitions that their own
time-ordered ids name. Uniqueness of (account, id) therefore lives in one partition, and an id is refused once its
month may be gone. Append-only tables are granted no UPDATE and no DELETE.
"""

from shared.migrations import execute, grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    execute(WALLETS)
    execute(TRANSFERS)
    execute(HOLDS)
    execute(GRANTS)
    execute(USAGE)
    execute(MONTHS)
    execute("SELECT make_months()")
    _grant()


def _grant() -> None:
    grant("wallets", "SELECT, INSERT, UPDATE (balance, held, last_position, open_disputes, overdrawn)")
    grant("transfers", "SELECT, INSERT")
    grant("reversals", "SELECT, INSERT")
    grant("entries", "SELECT")
    grant("holds", "SELECT, INSERT, UPDATE (state, capture_id, capture_asked, captured, closed_at)")
    grant("credit_grants", "SELECT, INSERT")
    grant("usage_records", "SELECT, INSERT, UPDATE (credits, held, calls, tokens, units, outcome, flagged, latency_ms)")
    grant("FUNCTION make_months()", "EXECUTE")


WALLETS = """
-- The only locked rows and the only kept balances of the book. `last_position` counts the wallet's transfers.
-- `overdrawn` is set where a refund or dispute took what was held or more; spending never sets it.
CREATE TABLE wallets (
    account_id     text COLLATE "C" PRIMARY KEY CHECK (account_id <> ''),
    balance        bigint NOT NULL DEFAULT 0,
    held           bigint NOT NULL DEFAULT 0,
    last_position  bigint NOT NULL DEFAULT 0,
    open_disputes  integer NOT NULL DEFAULT 0 CHECK (open_disputes >= 0),
    overdrawn      boolean NOT NULL DEFAULT false,
    frozen_reason  text GENERATED ALWAYS AS (
                       CASE WHEN open_disputes > 0 THEN 'dispute'
                            WHEN balance < 0 THEN 'negative_balance' END) STORED,
    opened_at      timestamptz NOT NULL,
    CONSTRAINT wallet_holds_nothing_negative CHECK (held >= 0),
    CONSTRAINT wallet_is_not_overspent CHECK (balance >= held OR overdrawn)
) WITH (fillfactor = 50);
"""

TRANSFERS = """
-- One row is both sides of a movement: the debited and the credited ledger account, of which one is the account's
-- wallet. (account, id) is the idempotency key. `position` counts a wallet's transfers without a gap, and
-- `balance_after` is the wallet's after this one. A void moves nothing: it holds the id of a charge that was reversed
-- before it arrived, so that the charge meets it. A free call's charge is a row too, so that its id is taken.
CREATE TABLE transfers (
    account_id      text COLLATE "C" NOT NULL,
    id              uuid NOT NULL,
    kind            text NOT NULL,
    debit_account   text NOT NULL,
    credit_account  text NOT NULL,
    amount          bigint NOT NULL,
    balance_after   bigint NOT NULL,
    position        bigint NOT NULL,
    refers_to       uuid,
    request_id      uuid,
    reference       text,
    description     text NOT NULL,
    created_at      timestamptz NOT NULL,
    posted_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account_id, id),
    CONSTRAINT transfer_moves_something CHECK (amount > 0 OR (amount = 0 AND kind IN ('charge', 'reversal', 'void'))),
    CONSTRAINT transfer_spends_no_more_than_there_is CHECK (kind NOT IN ('charge', 'debit', 'expiry') OR balance_after >= 0),
    CONSTRAINT transfer_follows_the_chart CHECK ((kind, debit_account, credit_account) IN (
        ('purchase', 'stripe', 'wallet'),
        ('grant', 'promotions', 'wallet'),
        ('charge', 'wallet', 'revenue'),
        ('reversal', 'revenue', 'wallet'),
        ('debit', 'wallet', 'adjustments'),
        ('expiry', 'wallet', 'promotions'),
        ('refund', 'wallet', 'stripe'),
        ('dispute', 'wallet', 'disputes'),
        ('dispute_won', 'disputes', 'wallet'),
        ('void', 'wallet', 'wallet')))
) PARTITION BY RANGE (id);

-- What was given back, once for each charge; amount 0 marks a charge that had not arrived.
CREATE TABLE reversals (
    account_id   text COLLATE "C" NOT NULL,
    charge_id    uuid NOT NULL,
    reversal_id  uuid NOT NULL,
    amount       bigint NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (account_id, charge_id)
) PARTITION BY RANGE (charge_id);

-- The double entry as two rows for each transfer; over all of them `amount` sums to zero.
CREATE VIEW entries AS
    SELECT account_id, id AS transfer_id, kind, debit_account AS ledger_account, -amount AS amount, created_at
    FROM transfers WHERE kind <> 'void'
    UNION ALL
    SELECT account_id, id, kind, credit_account, amount, created_at
    FROM transfers WHERE kind <> 'void';
"""

HOLDS = """
-- What running calls may still cost. `expires_at` is the database's time. A hold that was released before it arrived
-- is a row without a request, which the late hold meets.
CREATE TABLE holds (
    account_id     text COLLATE "C" NOT NULL,
    id             uuid NOT NULL,
    amount         bigint NOT NULL CHECK (amount >= 0),
    asked          bigint NOT NULL CHECK (asked >= amount),
    state          text NOT NULL CHECK (state IN ('open', 'captured', 'released', 'expired')),
    expires_at     timestamptz NOT NULL,
    request_id     uuid,
    route          text NOT NULL,
    key_id         text NOT NULL,
    price_version  integer NOT NULL,
    capture_id     uuid,
    capture_asked  bigint,
    captured       bigint NOT NULL DEFAULT 0,
    created_at     timestamptz NOT NULL,
    closed_at      timestamptz,
    PRIMARY KEY (account_id, id),
    CONSTRAINT hold_gives_no_more_than_it_holds CHECK (captured BETWEEN 0 AND amount),
    CONSTRAINT hold_is_captured_by_a_capture CHECK ((state = 'captured') = (capture_id IS NOT NULL))
) PARTITION BY RANGE (id);
CREATE INDEX holds_open ON holds (expires_at) WHERE state = 'open';
CREATE INDEX holds_open_of_account ON holds (account_id) WHERE state = 'open';
"""

GRANTS = """
-- The lots that credits came in: a row for each purchase and each operator's grant. What is left of one is computed
-- from the entries in a fixed order (lowest priority, then soonest to expire, first); no balance is kept here.
CREATE TABLE credit_grants (
    account_id  text COLLATE "C" NOT NULL,
    id          uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('paid', 'promotional')),
    amount      bigint NOT NULL CHECK (amount > 0),
    priority    smallint NOT NULL,
    expires_at  timestamptz,
    reference   text,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CONSTRAINT paid_credits_do_not_expire CHECK (kind <> 'paid' OR expires_at IS NULL)
);
-- A payment gives its credits once, whatever ids its transfers bear.
CREATE UNIQUE INDEX credit_grants_once_per_payment ON credit_grants (account_id, reference) WHERE kind = 'paid';
CREATE INDEX credit_grants_expiring ON credit_grants (expires_at) WHERE expires_at IS NOT NULL;
"""

USAGE = """
-- One row for each call, written with its charge or with the end of its hold; outcome and latency follow.
CREATE TABLE usage_records (
    account_id     text COLLATE "C" NOT NULL,
    request_id     uuid NOT NULL,
    route          text NOT NULL,
    key_id         text NOT NULL,
    price_version  integer NOT NULL,
    calls          bigint NOT NULL CHECK (calls >= 0),
    tokens         bigint NOT NULL CHECK (tokens >= 0),
    units          bigint NOT NULL CHECK (units >= 0),
    held           bigint NOT NULL CHECK (held >= 0),
    credits        bigint NOT NULL CHECK (credits >= 0),
    outcome        text NOT NULL CHECK (outcome IN ('delivered', 'upstream_failed', 'disconnected', 'unknown')),
    flagged        boolean NOT NULL,
    latency_ms     integer,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (account_id, request_id)
) PARTITION BY RANGE (request_id);
CREATE INDEX usage_records_by_time ON usage_records (account_id, created_at);
"""

MONTHS = """
-- The smallest id of an instant: 48 bits of unix milliseconds, then zeros.
CREATE FUNCTION first_uuid_at(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

-- Makes the partitions from two months back to three ahead, where they lack; how many it made. The service's role may
-- call it and can make nothing else. A partition is attached, not created in place: that waits for no running posting.
CREATE FUNCTION make_months() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = billing, pg_temp
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
            EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', partition, parent);
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
REVOKE ALL ON FUNCTION make_months() FROM PUBLIC;
"""
