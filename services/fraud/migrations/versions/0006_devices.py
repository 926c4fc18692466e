"""Devices: what accounts and strangers registered as the things that they pay with (U12)."""

from shared.migrations import execute, grant

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    execute(
        """
        -- `fingerprint` is a keyed digest; several devices may have one. A name may name a person, so it is sealed.
        -- `account_id` is set once. `held_by` is the account that is being made and is to have the device (real time).
        -- `payments` counts those that were judged with it.
        CREATE TABLE devices (
            id            uuid PRIMARY KEY,
            type          text NOT NULL
                          CHECK (type IN ('phone', 'tablet', 'pos_terminal', 'desktop', 'smart_tv', 'game_console',
                                          'iot', 'wearable', 'vehicle')),
            capabilities  text[] NOT NULL
                          CHECK (capabilities <@ ARRAY['chip', 'contactless', 'nfc', 'qr', 'camera', 'biometric',
                                                       'keypad', 'browser', 'automated']),
            fingerprint   text COLLATE "C" NOT NULL,
            sealed_name   bytea,
            account_id    text COLLATE "C",
            claimed_at    timestamptz,
            held_by       text COLLATE "C",
            held_until    timestamptz,
            payments      bigint NOT NULL DEFAULT 0 CHECK (payments >= 0),
            last_used_at  timestamptz,
            created_at    timestamptz NOT NULL,
            CHECK ((account_id IS NULL) = (claimed_at IS NULL)),
            CHECK ((held_by IS NULL) = (held_until IS NULL)),
            CHECK ((payments = 0) = (last_used_at IS NULL))
        );
        CREATE INDEX devices_of_account ON devices (account_id, id) WHERE account_id IS NOT NULL;
        CREATE INDEX devices_of_fingerprint ON devices (fingerprint, account_id);
        CREATE INDEX devices_unclaimed ON devices (created_at) WHERE account_id IS NULL;
        """
    )
    grant("devices", f"SELECT, INSERT, UPDATE ({CHANGING}), DELETE")


CHANGING = "account_id, claimed_at, held_by, held_until, payments, last_used_at"
