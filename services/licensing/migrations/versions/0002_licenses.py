"""Licenses, their keys, what became of them, what caches must forget, and the audit trail."""

from shared.migrations import execute, grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for statement in (LICENSES, KEYS, STEPS, CHANGES, AUDIT):
        execute(statement)
    grant("licenses", "SELECT, INSERT, UPDATE")
    grant("license_keys", "SELECT, INSERT, UPDATE")
    grant("license_steps", "SELECT, INSERT")
    grant("changes", "SELECT, INSERT, DELETE")
    grant("audit", "SELECT, INSERT")


LICENSES = """
-- What keys entitle to. `billing_state` and all that billing's news say stand as of `billing_version`; `admin_state` is
-- operators' alone. `expires_at` null: nothing was paid yet, or an operator's without an end. `sequence` is the last
-- license file's. `welcomed_at` is set once, with the mail that brings the key. Instants are business time, but
-- `last_validated_at`'s precision is some seconds. `customer_ref` and `subscription_ref` are what its keys are made of.
CREATE TABLE licenses (
    id                 text COLLATE "C" PRIMARY KEY,
    account_id         text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    subscription_id    text COLLATE "C" UNIQUE,
    plan_id            text COLLATE "C",
    origin             text NOT NULL CHECK (origin IN ('subscription', 'operator')),
    customer_ref       text NOT NULL CHECK (customer_ref <> ''),
    subscription_ref   text NOT NULL CHECK (subscription_ref <> ''),
    billing_state      text NOT NULL CHECK (billing_state IN ('pending', 'good', 'suspended', 'revoked', 'void')),
    billing_reason     text,
    admin_state        text NOT NULL DEFAULT 'none' CHECK (admin_state IN ('none', 'suspended', 'revoked')),
    admin_reason       text,
    expires_at         timestamptz,
    grace_seconds      bigint NOT NULL CHECK (grace_seconds >= 0),
    max_activations    integer NOT NULL CHECK (max_activations > 0),
    lease_seconds      integer CHECK (lease_seconds > 0),
    entitlements       text[] NOT NULL DEFAULT '{}',
    sequence           bigint NOT NULL DEFAULT 0 CHECK (sequence >= 0),
    billing_version    bigint NOT NULL DEFAULT 0,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    welcomed_at        timestamptz,
    last_validated_at  timestamptz,
    CHECK ((origin = 'subscription') = (subscription_id IS NOT NULL))
);
CREATE INDEX licenses_of_account ON licenses (account_id, id);
"""

KEYS = """
-- A license's keys, of which all but the last one made have an end. A key itself is kept nowhere: `key_hash` is the
-- SHA-256 of its 256 digits, `salt_sealed` with `minted_at`, the license's refs and the master secret of `secret_version`
-- makes it again. `valid_until` (real time, as a leak has nothing to do with a moved clock) is the end of its overlap.
CREATE TABLE license_keys (
    key_hash        bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    license_id      text COLLATE "C" NOT NULL REFERENCES licenses,
    salt_sealed     bytea NOT NULL,
    secret_version  integer NOT NULL CHECK (secret_version > 0),
    minted_at       timestamptz NOT NULL,
    valid_until     timestamptz
);
CREATE UNIQUE INDEX license_keys_current ON license_keys (license_id) WHERE valid_until IS NULL;
CREATE INDEX license_keys_of_license ON license_keys (license_id);
"""

STEPS = """
-- What became of each license, append-only. `cause` says whose doing it was (billing, operator, owner), `reference` which
-- (a version of the news, an operator's account).
CREATE TABLE license_steps (
    license_id     text COLLATE "C" NOT NULL REFERENCES licenses,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    at             timestamptz NOT NULL,
    action         text NOT NULL,
    billing_state  text NOT NULL,
    admin_state    text NOT NULL,
    reason         text,
    expires_at     timestamptz,
    cause          text NOT NULL,
    reference      text,
    PRIMARY KEY (license_id, seq)
);
"""

CHANGES = """
-- What each process's cache must forget. Readers ask for rows whose transaction was still running, or had not begun,
-- when they last looked: so none is skipped, however late it commits.
CREATE TABLE changes (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    ref         text NOT NULL,
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX changes_by_transaction ON changes (xid);
CREATE INDEX changes_by_age ON changes (created_at);
"""

AUDIT = """
-- Who did what with licenses. `actor` is an account's id or `command line`; `created_at` is business time, which the id
-- begins with. `details` hold no personal data. Nobody is granted more than to add to it.
CREATE TABLE audit (
    id           text COLLATE "C" PRIMARY KEY,
    created_at   timestamptz NOT NULL,
    actor        text COLLATE "C" NOT NULL,
    action       text NOT NULL,
    subject      text COLLATE "C" NOT NULL,
    details      jsonb NOT NULL,
    request_id   text
);
CREATE INDEX audit_of_subject ON audit (subject, id);
"""
