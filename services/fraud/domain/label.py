"""Labels: whether a payment was fraud, as somebody came to know it, with the time at which it became known.

A label may be used for what is judged at or after `known_at`, never before: whoever trains or measures by labels asks
for those known at an instant. Of several words about one payment an operator's own counts before a bank's, and a bank's
before a review's; of one source the latest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Source = Literal["dispute", "review", "operator"]

_RANK: dict[Source, int] = {"review": 0, "dispute": 1, "operator": 2}
_OF_FRAUD = frozenset({"fraudulent", "unrecognized"})
"""Reasons of disputes by which a card's holder says that it was not they who paid."""


@dataclass(frozen=True, slots=True)
class Label:
    """One word on one payment. `reference` is what was heard: the same one counts once."""

    payment_id: str
    is_fraud: bool
    source: Source
    reference: str
    known_at: datetime


def label_of_dispute(status: str, *, dispute_id: str, payment_id: str, reason: str, at: datetime) -> Label | None:
    """What a dispute's news says: `opened` and `lost` that it was fraud, `won` that it was not. None where the dispute
    is about something else (goods that never came, a doubled charge)."""
    if reason not in _OF_FRAUD or status not in ("opened", "lost", "won"):
        return None
    return Label(payment_id, status != "won", "dispute", f"{dispute_id}:{status}", at)


def verdict(labels: Iterable[Label], *, known_by: datetime) -> bool | None:
    """What the labels of one payment, the oldest first, say at an instant; None where nobody knew anything."""
    known = [label for label in labels if label.known_at <= known_by]
    if not known:
        return None
    return max(reversed(known), key=lambda label: (_RANK[label.source], label.known_at)).is_fraud
