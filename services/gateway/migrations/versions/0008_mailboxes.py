"""The mailbox behind an account's address, as a keyed digest, for fraud to find aliases by (S13).

An account that is older than this has none until its owner signs in: the address, which alone tells it, is sealed.
"""

from shared.migrations import execute

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    execute('ALTER TABLE accounts ADD COLUMN mailbox_lookup text COLLATE "C"')
