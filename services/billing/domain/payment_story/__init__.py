"""A payment's story: from checkout to credits and back, in order and in words that support understands.

`facts` are what the tables hold of one payment; `of_payment`, `of_events`, `of_money`, `of_returns` and `of_deeds` make
lines of them, and `telling` puts these in order. It names nobody and holds no secret: ids, amounts, codes, what
operators wrote.
"""

from services.billing.domain.payment_story.facts import (
    EVIDENCE_BEGUN,
    EVIDENCE_SUBMITTED,
    WEBHOOK_REPLAYED,
    Booked,
    Deed,
    Facts,
    HeardEvent,
    KeptRefund,
    Noticed,
    StoryLine,
)
from services.billing.domain.payment_story.telling import headline, story_of

__all__ = [
    "EVIDENCE_BEGUN",
    "EVIDENCE_SUBMITTED",
    "WEBHOOK_REPLAYED",
    "Booked",
    "Deed",
    "Facts",
    "HeardEvent",
    "KeptRefund",
    "Noticed",
    "StoryLine",
    "headline",
    "story_of",
]
