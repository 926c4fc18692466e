"""The blacklist, and assessments of payments (U11)."""

from shared.migrations import execute, grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    execute(
        """
        -- `match` is what a payment is compared with: a keyed digest for email, domain and ip, whose value is sealed;
        -- the CIDR form for a network; the value itself for opaque ids. Removed and expired entries stay on record
        -- for a while (`removed_at`; for an expired one the time that it expired).
        CREATE TABLE blacklist (
            id            uuid PRIMARY KEY,
            kind          text NOT NULL
                          CHECK (kind IN ('email', 'domain', 'card', 'device', 'ip', 'network', 'account')),
            match         text NOT NULL,
            network       cidr,
            plain_value   text,
            sealed_value  bytea,
            reason        text,
            source        text NOT NULL,
            expires_at    timestamptz,
            created_at    timestamptz NOT NULL,
            created_by    text NOT NULL,
            removed_at    timestamptz,
            removed_by    text,
            CHECK ((kind = 'network') = (network IS NOT NULL)),
            CHECK ((plain_value IS NULL) <> (sealed_value IS NULL)),
            CHECK ((kind IN ('email', 'domain', 'ip')) = (sealed_value IS NOT NULL))
        );
        CREATE UNIQUE INDEX blacklist_live ON blacklist (kind, match) WHERE removed_at IS NULL;
        CREATE INDEX blacklist_live_networks ON blacklist USING gist (network inet_ops) WHERE removed_at IS NULL;
        CREATE INDEX blacklist_expiring ON blacklist (expires_at) WHERE removed_at IS NULL;
        CREATE INDEX blacklist_removed ON blacklist (removed_at) WHERE removed_at IS NOT NULL;

        -- Append-only: a payment is judged once, and the record holds all that the judgement saw.
        CREATE TABLE fraud_assessments (
            id          uuid PRIMARY KEY,
            payment_id  text NOT NULL UNIQUE,
            account_id  text NOT NULL,
            decision    text NOT NULL CHECK (decision IN ('allow', 'review', 'block')),
            score       smallint NOT NULL CHECK (score BETWEEN 0 AND 100),
            reasons     jsonb NOT NULL,
            versions    jsonb NOT NULL,
            snapshot    jsonb NOT NULL,
            sealed_ip   bytea,
            created_at  timestamptz NOT NULL
        );
        CREATE INDEX fraud_assessments_of_account ON fraud_assessments (account_id, id);
        """
    )
    grant("blacklist", "SELECT, INSERT, UPDATE (removed_at, removed_by), DELETE")
    grant("fraud_assessments", "SELECT, INSERT")
