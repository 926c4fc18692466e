"""Routes and their price versions, bans of keys, security incidents.

A price version is never changed: a call keeps the one that it began with, and its usage record names it.
"""

from shared.migrations import execute, grant

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _routes()
    _bans()
    _incidents()


def _routes() -> None:
    execute(
        """
        CREATE TABLE routes (
            id                text COLLATE "C" PRIMARY KEY,
            name              text COLLATE "C" NOT NULL,
            upstream_url      text NOT NULL,
            -- The upstream's own credentials: a sealed JSON object of headers, bound to the route's id.
            headers_sealed    bytea,
            format            text NOT NULL CHECK (format IN ('auto', 'raw', 'openai', 'anthropic')),
            price_version     integer NOT NULL CHECK (price_version > 0),
            max_hold          bigint NOT NULL CHECK (max_hold > 0),
            timeout_ms        integer NOT NULL CHECK (timeout_ms > 0),
            status            text NOT NULL CHECK (status IN ('live', 'retired')),
            charge_errors     boolean NOT NULL,
            -- Made by `seed`: only such a route's loopback address follows the demo upstream's port.
            seeded            boolean NOT NULL DEFAULT false,
            created_at        timestamptz NOT NULL,
            updated_at        timestamptz NOT NULL,
            deleted_at        timestamptz
        );
        -- A deleted route stays for the usage that names it; its name is free again.
        CREATE UNIQUE INDEX routes_by_name ON routes (name) WHERE deleted_at IS NULL;

        -- Amounts are millicredits. Versions are append-only.
        CREATE TABLE route_prices (
            route_id          text COLLATE "C" NOT NULL REFERENCES routes,
            version           integer NOT NULL CHECK (version > 0),
            per_call          bigint NOT NULL CHECK (per_call >= 0),
            per_1000_tokens   bigint NOT NULL CHECK (per_1000_tokens >= 0),
            per_unit          bigint NOT NULL CHECK (per_unit >= 0),
            minimum           bigint NOT NULL CHECK (minimum >= 0),
            created_at        timestamptz NOT NULL,
            PRIMARY KEY (route_id, version),
            CHECK (per_call + per_1000_tokens + per_unit + minimum > 0)
        );
        """
    )
    grant("routes", "SELECT, INSERT, UPDATE")
    grant("route_prices", "SELECT, INSERT")


def _bans() -> None:
    execute(
        """
        -- The history of bans (S2). The present one's end stands in api_keys.banned_until, set in the same transaction.
        CREATE TABLE bans (
            id           text COLLATE "C" PRIMARY KEY,
            key_id       text COLLATE "C" NOT NULL REFERENCES api_keys,
            account_id   text COLLATE "C" NOT NULL,
            step         integer NOT NULL CHECK (step >= 0),
            started_at   timestamptz NOT NULL,
            until_at     timestamptz NOT NULL CHECK (until_at > started_at),
            lifted_at    timestamptz,
            lifted_by    text COLLATE "C"
        );
        CREATE INDEX bans_of_key ON bans (key_id, started_at);
        """
    )
    grant("bans", "SELECT, INSERT, UPDATE (lifted_at, lifted_by)")


def _incidents() -> None:
    execute(
        """
        -- What an operator should look at (S5). The address is personal data, so it is sealed.
        CREATE TABLE incidents (
            id               text COLLATE "C" PRIMARY KEY,
            kind             text NOT NULL,
            account_id       text COLLATE "C",
            key_id           text COLLATE "C",
            address_sealed   bytea,
            details          jsonb NOT NULL,
            created_at       timestamptz NOT NULL
        );
        CREATE INDEX incidents_by_kind ON incidents (kind, id);
        CREATE INDEX incidents_of_account ON incidents (account_id, id);
        """
    )
    grant("incidents", "SELECT, INSERT")
