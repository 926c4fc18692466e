"""The table `mails` of a schema whose service asks for mails (`shared.mails`)."""

from shared.migrations import execute, grant


def create_mails() -> None:
    """Make and grant it."""
    execute(
        """
        -- Mail that was asked for, handed to the gateway once its row is committed. The id says what the mail tells of,
        -- so that it is asked for once; a row stays after it was sent, for the same reason. `content` holds no personal
        -- data and no secrets. Business time is `created_at`; the rest is real.
        CREATE TABLE mails (
            id               text COLLATE "C" PRIMARY KEY,
            account_id       text COLLATE "C" NOT NULL,
            template         text NOT NULL,
            content          jsonb NOT NULL,
            created_at       timestamptz NOT NULL,
            attempts         integer NOT NULL DEFAULT 0,
            next_attempt_at  timestamptz NOT NULL DEFAULT '-infinity',
            state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'dropped', 'parked')),
            sent_at          timestamptz,
            last_error       text,
            CHECK ((state = 'sent') = (sent_at IS NOT NULL))
        );
        CREATE INDEX mails_due ON mails (next_attempt_at, created_at, id) WHERE state = 'waiting';
        CREATE INDEX mails_parked ON mails (id) WHERE state = 'parked';
        """
    )
    grant("mails", "SELECT, INSERT, UPDATE")
