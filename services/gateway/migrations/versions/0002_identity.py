"""Accounts, sessions, API keys, their changes, mail and the audit trail.

Personal data is sealed (S16); what must be found by it has a keyed digest beside it. Sessions, keys and mailed tokens
are kept as digests of 256 random bits (S1). The audit trail is append-only: nobody is granted more than to add to it.
"""

from shared.migrations import execute, grant

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _accounts()
    _sessions_and_tokens()
    _api_keys()
    _changes()
    _audit_and_mail()


def _accounts() -> None:
    execute(
        """
        CREATE TABLE accounts (
            id                  text COLLATE "C" PRIMARY KEY,
            email_lookup        text COLLATE "C" NOT NULL UNIQUE,
            domain_lookup       text COLLATE "C" NOT NULL,
            email_sealed        bytea NOT NULL,
            name_sealed         bytea,
            country             text CHECK (country ~ '^[A-Z]{2}$'),
            password_hash       text NOT NULL,
            role                text NOT NULL CHECK (role IN ('customer', 'operator')),
            tier                text NOT NULL CHECK (tier IN ('new', 'verified', 'enterprise')),
            status              text NOT NULL CHECK (status IN ('active', 'suspended')),
            -- US cents that the account may pay in within a rolling 24 h (S14); null is the tier's own limit.
            credit_limit_minor  bigint CHECK (credit_limit_minor >= 0),
            email_verified_at   timestamptz,
            -- When the first key ever was made; the minimum of C1 does not come back.
            first_key_at        timestamptz,
            created_at          timestamptz NOT NULL,
            updated_at          timestamptz NOT NULL
        );
        """
    )
    grant("accounts", "SELECT, INSERT, UPDATE")


def _sessions_and_tokens() -> None:
    execute(
        """
        CREATE TABLE sessions (
            token_hash   bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
            account_id   text COLLATE "C" NOT NULL REFERENCES accounts,
            created_at   timestamptz NOT NULL,
            expires_at   timestamptz NOT NULL
        );
        CREATE INDEX sessions_of_account ON sessions (account_id);
        CREATE INDEX sessions_by_end ON sessions (expires_at);

        -- Tokens that went out by mail: each for one account and purpose, used once, in time.
        CREATE TABLE mailed_tokens (
            token_hash   bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
            account_id   text COLLATE "C" NOT NULL REFERENCES accounts,
            purpose      text NOT NULL CHECK (purpose IN ('verify_email', 'reset_password')),
            created_at   timestamptz NOT NULL,
            expires_at   timestamptz NOT NULL
        );
        CREATE INDEX mailed_tokens_of_account ON mailed_tokens (account_id, purpose);
        CREATE INDEX mailed_tokens_by_end ON mailed_tokens (expires_at);
        """
    )
    grant("sessions", "SELECT, INSERT, DELETE")
    grant("mailed_tokens", "SELECT, INSERT, DELETE")


def _api_keys() -> None:
    execute(
        """
        CREATE TABLE api_keys (
            id                  text COLLATE "C" PRIMARY KEY,
            account_id          text COLLATE "C" NOT NULL REFERENCES accounts,
            key_hash            bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
            name                text NOT NULL,
            prefix              text NOT NULL,
            last4               text NOT NULL,
            scopes              text[] NOT NULL CHECK (cardinality(scopes) > 0),
            -- Addresses and networks that may use it; empty is all.
            allowed_ips         text[] NOT NULL,
            -- The customer's own limits, under the operator's; null is no own limit, and of the operator's: none at all.
            own_per_minute      integer CHECK (own_per_minute > 0),
            own_per_day         integer CHECK (own_per_day > 0),
            most_per_minute     integer CHECK (most_per_minute > 0),
            most_per_day        integer CHECK (most_per_day > 0),
            created_at          timestamptz NOT NULL,
            expires_at          timestamptz,
            revoked_at          timestamptz,
            banned_until        timestamptz,
            rotated_from        text COLLATE "C" REFERENCES api_keys
        );
        CREATE INDEX api_keys_of_account ON api_keys (account_id, id);
        """
    )
    grant("api_keys", "SELECT, INSERT, UPDATE")


def _changes() -> None:
    execute(
        """
        -- What each process's caches must forget. Readers ask for rows whose transaction was still running, or had not
        -- begun, when they last looked: so none is skipped, however late it commits.
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
    )
    grant("changes", "SELECT, INSERT, DELETE")


def _audit_and_mail() -> None:
    execute(
        """
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

        -- Mail on its way. The id is its Message-ID, so a doubled sending is seen as one.
        CREATE TABLE mail_outbox (
            id                 text COLLATE "C" PRIMARY KEY,
            account_id         text COLLATE "C" NOT NULL,
            template           text NOT NULL,
            recipient_sealed   bytea NOT NULL,
            content_sealed     bytea NOT NULL,
            created_at         timestamptz NOT NULL,
            attempts           integer NOT NULL DEFAULT 0,
            next_attempt_at    timestamptz NOT NULL,
            last_error         text
        );
        CREATE INDEX mail_outbox_due ON mail_outbox (next_attempt_at);
        """
    )
    grant("audit", "SELECT, INSERT")
    grant("mail_outbox", "SELECT, INSERT, UPDATE, DELETE")
