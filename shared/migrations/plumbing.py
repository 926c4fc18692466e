"""The tables that every schema has: outbox, feed cursors, idempotent answers. Revision 0001 of each service."""

from shared.migrations import current_role, execute, grant


def create_plumbing() -> None:
    """Make and grant them."""
    execute(
        """
        -- Events are written with the change that they tell of; the dispatcher gives committed rows their position.
        CREATE TABLE outbox (
            written     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id          uuid NOT NULL,
            kind        text NOT NULL,
            subject     text NOT NULL,
            data        jsonb NOT NULL,
            created_at  timestamptz NOT NULL,
            position    bigint UNIQUE
        );
        CREATE INDEX outbox_unnumbered ON outbox (written) WHERE position IS NULL;
        CREATE SEQUENCE outbox_position;

        -- How far this service has read a sibling's events; saved with their effects.
        CREATE TABLE feed_cursors (
            producer    text NOT NULL,
            reader      text NOT NULL,
            position    bigint NOT NULL,
            PRIMARY KEY (producer, reader)
        );

        -- Only peppered hashes of the client's key and body are kept; the answer is sealed with a key derived from
        -- the client's own, so a dump of this table can't be replayed or read.
        CREATE TABLE idempotency (
            scope        text NOT NULL,
            key_hash     bytea NOT NULL,
            body_hash    bytea NOT NULL,
            owner        uuid NOT NULL,
            lease_until  timestamptz NOT NULL,
            status       integer,
            sealed       bytea,
            created_at   timestamptz NOT NULL,
            PRIMARY KEY (scope, key_hash)
        );
        CREATE INDEX idempotency_created ON idempotency (created_at);
        """
    )
    grant("outbox", "SELECT, INSERT, UPDATE (position), DELETE")
    grant("SEQUENCE outbox_position", "USAGE")
    grant("feed_cursors", "SELECT, INSERT, UPDATE")
    grant("idempotency", "SELECT, INSERT, UPDATE, DELETE")
    execute(f'GRANT SELECT ON schema_version TO "{current_role()}"')
