"""The device that a payment is made with (U12)."""

from dataclasses import dataclass

from shared.contracts.devices import DeviceType


@dataclass(frozen=True, slots=True)
class PayingDevice:
    """Of the account that pays."""

    id: str
    type: DeviceType
    capabilities: tuple[str, ...]
