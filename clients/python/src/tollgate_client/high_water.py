"""What was seen of time and of files, so that a clock set back or an older file put back is noticed: the pure value.
high_water_file.py keeps it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Denial:
    """The platform's signed word of that time, by its clock."""

    code: str
    at: datetime


@dataclass(frozen=True)
class HighWater:
    """The latest time seen; the highest sequence of each license on each server; what the platform last denied, by
    license. `is_broken`: what was kept was changed by another hand."""

    seen_at: datetime | None = None
    sequences: Mapping[tuple[str, str], int] = field(default_factory=dict)
    denied: Mapping[str, Denial] = field(default_factory=dict)
    is_broken: bool = False

    def raised(self, *, now: datetime, license_id: str, server_id: str, sequence: int) -> "HighWater":
        """After a file whose signature holds was seen. Nothing ever falls."""
        known = self.sequences.get((license_id, server_id), 0)
        sequences = {**self.sequences, (license_id, server_id): max(known, sequence)}
        return replace(self, seen_at=_later(self.seen_at, now), sequences=sequences)

    def told(self, *, server_time: datetime, license_id: str | None, denial: str | None) -> "HighWater":
        """After an answer that the platform signed over our nonce: it is that time now, whatever was seen before, so
        that a clock which once ran ahead isn't held against the machine for ever."""
        denied = dict(self.denied)
        if license_id is not None:
            denied.pop(license_id, None)
            if denial is not None:
                denied[license_id] = Denial(denial, server_time)
        return HighWater(server_time, dict(self.sequences), denied)


class Store(Protocol):
    """Where a high-water mark is kept."""

    def read(self) -> HighWater:
        """What was kept; an empty one at first; a broken one where the seal doesn't hold."""
        ...

    def keep(self, mark: HighWater) -> None:
        """Replace it."""
        ...


def _later(known: datetime | None, now: datetime) -> datetime:
    return now if known is None else max(known, now)
