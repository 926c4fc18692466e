"""The deed that lets a card that paid be the subscription's own."""

from shared.migrations import execute

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    execute(DEEDS)


DEEDS = """
ALTER TABLE subscription_deeds DROP CONSTRAINT subscription_deeds_kind_check,
    ADD CONSTRAINT subscription_deeds_kind_check CHECK (kind IN (
        'cancel', 'void', 'refund', 'collect', 'pay', 'keep_card'));
"""
