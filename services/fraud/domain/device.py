"""A device (U12): what somebody registered as the thing that he pays with, and whose it is.

It is nobody's until an account claims it, and that account's for good then. While an account is being made, it may
hold the device that it is to have. A fingerprint is known as a keyed digest only; two devices may have the same, which
is how shared ones are found (S13).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from shared.contracts.devices import Capability, DeviceType

LONGEST_FINGERPRINT = 512


@dataclass(frozen=True, slots=True)
class Hold:
    """Nobody but this account may claim the device until then (real time)."""

    account_id: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Device:
    """As it is on record. Times are business time."""

    id: str
    type: DeviceType
    capabilities: tuple[Capability, ...]
    name: str | None
    account_id: str | None
    created_at: datetime
    payments: int = 0
    last_used_at: datetime | None = None
    hold: Hold | None = None

    def __repr__(self) -> str:
        return f"Device({self.id})"


def may_claim(device: Device, account_id: str, *, real_now: datetime) -> bool:
    """Whether the device is this account's, or nobody's and held for nobody else."""
    if device.account_id is not None:
        return device.account_id == account_id
    hold = device.hold
    return hold is None or hold.account_id == account_id or hold.until <= real_now


def each_once(capabilities: Iterable[Capability]) -> tuple[Capability, ...]:
    """In the order in which they were said."""
    return tuple(dict.fromkeys(capabilities))
