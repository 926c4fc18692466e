"""Bans of a key that keeps calling against its limit (S2): 15 minutes, an hour, a day.

A key is banned for its own refused calls only, so nobody can ban another's. Real time, not the test clock's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class BanPolicy:
    """How long each ban of a key lasts, the last one ever after; bans older than `memory` are forgiven."""

    lengths: Sequence[timedelta] = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=24))
    memory: timedelta = timedelta(days=7)

    def __post_init__(self) -> None:
        assert self.lengths


@dataclass(frozen=True, slots=True)
class Ban:
    """A key may not call until `until`. `step` counts from 0 and says which length applied."""

    key_id: str
    account_id: str
    step: int
    started_at: datetime
    until: datetime

    def holds_at(self, now: datetime) -> bool:
        return now < self.until


def next_ban(policy: BanPolicy, *, key_id: str, account_id: str, earlier: int, now: datetime) -> Ban:
    """The ban after `earlier` ones within the policy's memory (lifted ones not counted)."""
    step = min(earlier, len(policy.lengths) - 1)
    return Ban(key_id, account_id, step, now, now + policy.lengths[step])
