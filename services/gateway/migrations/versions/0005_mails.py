"""Mail that other services ask for."""

from shared.migrations import execute, grant

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    execute(
        """
        -- Which mails were asked for, by whose and which message id, so that each is queued once: the row outlives the
        -- one in `mail_outbox`, which goes when it is sent.
        CREATE TABLE mails_asked (
            service      text COLLATE "C" NOT NULL,
            message_id   text COLLATE "C" NOT NULL,
            mail_id      text COLLATE "C" NOT NULL UNIQUE,
            account_id   text COLLATE "C" NOT NULL REFERENCES accounts,
            template     text NOT NULL,
            asked_at     timestamptz NOT NULL,
            PRIMARY KEY (service, message_id)
        );
        CREATE INDEX mails_asked_of_account ON mails_asked (account_id);
        """
    )
    grant("mails_asked", "SELECT, INSERT")
