"""Devices (U12): fraud keeps them, billing and the gateway claim them for accounts.

`POST /internal/v1/devices/{id}/claims` makes a device the account's for good, unless it is another's; the account's own
stays its own, so it may be sent twice. With `for_seconds` nobody else may claim it for so long, and it becomes the
account's only by a claim without; `POST .../release` ends that sooner. An unknown device and another account's are both
404, so that nobody learns which ids there are.
"""

from typing import Literal, NotRequired, get_args

from typing_extensions import TypedDict

DeviceType = Literal[
    "phone", "tablet", "pos_terminal", "desktop", "smart_tv", "game_console", "iot", "wearable", "vehicle"
]
Capability = Literal["chip", "contactless", "nfc", "qr", "camera", "biometric", "keypad", "browser", "automated"]
TYPES: tuple[DeviceType, ...] = get_args(DeviceType)
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

PREFIX = "dev"
CLAIMS = "/internal/v1/devices/{device_id}/claims"
RELEASE = "/internal/v1/devices/{device_id}/release"
STATISTICS = "/internal/v1/devices/statistics"

LONGEST_HOLD_SECONDS = 60

REGISTERED = "device.registered"
CLAIMED = "device.claimed"


class Claim(TypedDict):
    """For whom; `for_seconds` holds it only."""

    account_id: str
    for_seconds: NotRequired[int]


class Release(TypedDict):
    """Whose hold ends."""

    account_id: str


class DeviceFacts(TypedDict):
    """A device that the account may use; `account_id` is null while it is only held."""

    id: str
    type: DeviceType
    capabilities: list[Capability]
    account_id: str | None


class DeviceRegistered(TypedDict):
    """Event `device.registered`; `account_id` is null where nobody was signed in."""

    device_id: str
    type: DeviceType
    capabilities: list[Capability]
    account_id: str | None


class DeviceClaimed(TypedDict):
    """Event `device.claimed`: it is this account's from now on."""

    device_id: str
    account_id: str


class DeviceCounts(TypedDict):
    """Devices on record, those of accounts, and those that payments were judged with; `payments` are the latter's."""

    registered: int
    claimed: int
    used: int
    payments: int


class DeviceStatistics(DeviceCounts):
    """`registered_last_day` and `used_last_30_days` go by business time. A device counts once for its type, and once
    for each of its capabilities."""

    registered_last_day: int
    used_last_30_days: int
    by_type: dict[str, DeviceCounts]
    by_capability: dict[str, DeviceCounts]


def claims_path(device_id: str) -> str:
    return CLAIMS.format(device_id=device_id)


def release_path(device_id: str) -> str:
    return RELEASE.format(device_id=device_id)
