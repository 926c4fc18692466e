"""Lots that expire, and usage summed by the hour."""

from shared.migrations import execute, grant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute(EXPIRY)
    grant("wallets", "UPDATE (next_expiry_at)")
    grant("grant_states", "SELECT, INSERT, UPDATE")
    execute(ROLLUPS)
    execute(DROPPING)
    grant("usage_months", "SELECT, INSERT (month), UPDATE (rolled_account, rolled_request, rolled_at)")
    grant("usage_rollups", "SELECT, INSERT, UPDATE (requests, calls, tokens, units, credits)")
    grant("FUNCTION drop_usage_month(date, integer)", "EXECUTE")
    execute(FORGETTING)
    grant("webhook_events", "DELETE")


EXPIRY = """
-- Business time: when some of the wallet's credits may expire. Whoever spends at or after it looks at the lots first.
ALTER TABLE wallets ADD COLUMN next_expiry_at timestamptz;
UPDATE wallets SET next_expiry_at = lots.soonest
FROM (SELECT account_id, min(expires_at) AS soonest FROM credit_grants WHERE expires_at IS NOT NULL GROUP BY 1) AS lots
WHERE wallets.account_id = lots.account_id;
CREATE INDEX wallets_expiring ON wallets (next_expiry_at) WHERE next_expiry_at IS NOT NULL;

-- What is left of each lot after the account's transfer at `position`: kept so that only later ones need be read.
-- Computed from the entries alone: a row that is lost is computed again. `lots_left` is {lot: millicredits}, `trail`
-- what charges burnt that may still be given back, as [first position, last, newest id's ms, [[lot, millicredits]]].
CREATE TABLE grant_states (
    account_id  text COLLATE "C" PRIMARY KEY,
    position    bigint NOT NULL,
    debt        bigint NOT NULL CHECK (debt >= 0),
    lots_left   jsonb NOT NULL,
    trail       jsonb NOT NULL
) WITH (fillfactor = 50);

-- The soonest lot of one account; which accounts have one, the wallets tell.
CREATE INDEX credit_grants_expiring_of_account ON credit_grants (account_id, expires_at) WHERE expires_at IS NOT NULL;
DROP INDEX credit_grants_expiring;
"""

ROLLUPS = """
-- Months of usage records (by their ids) that are over for good. Records are summed up in the order of their key, and
-- `rolled_account`, `rolled_request` say how far; from `dropped_at` on, the sums stand for the records.
CREATE TABLE usage_months (
    month           date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    rolled_account  text COLLATE "C" NOT NULL DEFAULT '',
    rolled_request  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    rolled_at       timestamptz,
    dropped_at      timestamptz,
    CONSTRAINT month_is_summed_up_before_it_is_dropped CHECK (dropped_at IS NULL OR rolled_at IS NOT NULL)
);

-- What an account's calls of one month were and cost, by the hour in which they were recorded (UTC), route and key.
CREATE TABLE usage_rollups (
    account_id  text COLLATE "C" NOT NULL,
    hour        timestamptz NOT NULL,
    route       text NOT NULL,
    key_id      text NOT NULL,
    month       date NOT NULL REFERENCES usage_months,
    requests    bigint NOT NULL CHECK (requests > 0),
    calls       bigint NOT NULL,
    tokens      bigint NOT NULL,
    units       bigint NOT NULL,
    credits     bigint NOT NULL,
    PRIMARY KEY (account_id, hour, route, key_id, month)
);
CREATE INDEX usage_rollups_of_month ON usage_rollups (month);
"""

DROPPING = """
-- Drops a month's usage records and its closed holds, `keep` months after it at the soonest and three at the least;
-- whether it did. Refuses unless the sums are, row for row, those of the records. Waits for running statements a fifth
-- of a second, since postings wait behind it, and then gives up. The service's role can drop nothing else.
CREATE FUNCTION drop_usage_month(first_day date, keep integer) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
SET search_path = billing, pg_temp SET lock_timeout = '200ms'
AS $$
DECLARE
    suffix   text := to_char(first_day, '_YYYY_MM');
    wrong    boolean;
BEGIN
    IF keep < 3 OR first_day >= date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => keep) THEN
        RAISE EXCEPTION 'usage of % is kept', first_day;
    END IF;
    PERFORM FROM usage_months WHERE month = first_day AND rolled_at IS NOT NULL AND dropped_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format($compare$
        SELECT EXISTS (
            SELECT FROM (
                SELECT account_id, date_trunc('hour', created_at, 'UTC') AS hour, route, key_id, count(*) AS requests,
                       sum(calls) AS calls, sum(tokens) AS tokens, sum(units) AS units, sum(credits) AS credits
                FROM %I GROUP BY 1, 2, 3, 4
            ) AS records
            FULL JOIN (SELECT * FROM usage_rollups WHERE month = $1) AS sums USING (account_id, hour, route, key_id)
            WHERE (records.requests, records.calls, records.tokens, records.units, records.credits)
                  IS DISTINCT FROM (sums.requests, sums.calls, sums.tokens, sums.units, sums.credits))
    $compare$, 'usage_records' || suffix) INTO wrong USING first_day;
    IF wrong THEN
        RAISE EXCEPTION 'usage of % was not summed up right', first_day;
    END IF;
    IF to_regclass('holds' || suffix) IS NOT NULL THEN
        EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE state = ''open'')', 'holds' || suffix) INTO wrong;
        IF wrong THEN
            RAISE EXCEPTION 'a hold of % is open', first_day;
        END IF;
        EXECUTE format('DROP TABLE %I', 'holds' || suffix);
    END IF;
    EXECUTE format('DROP TABLE %I', 'usage_records' || suffix);
    UPDATE usage_months SET dropped_at = now() WHERE month = first_day;
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION drop_usage_month(date, integer) FROM PUBLIC;
"""

FORGETTING = """
-- What was done with, by when.
CREATE INDEX webhook_events_closed ON webhook_events (handled_at) WHERE status IN ('handled', 'ignored');
"""
