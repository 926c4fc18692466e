"""One who bears a license: its key, its server, whom it believes, what may stand in for the platform."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tollgate_client.exchange import Retries
from tollgate_client.high_water import Store
from tollgate_client.public_keys import PublicKeys

Clock = Callable[[], datetime]
Metadata = Mapping[str, str | int | bool | None]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Offline:
    """That the license file at `license_file` may stand in for the platform, for software of this `audience`; what was
    seen is kept in `store`."""

    license_file: Path
    audience: str
    store: Store


@dataclass(frozen=True, kw_only=True)
class Licensee:
    """Who asks, whom it believes, and what it does without the platform. Its repr has no key."""

    license_key: str
    server_id: str
    public_keys: PublicKeys
    fingerprint: str | None = None
    offline: Offline | None = None
    retries: Retries = Retries(attempts=2, budget_seconds=5.0)  # noqa: RUF009 - a frozen value

    def __repr__(self) -> str:
        return f"Licensee(server_id={self.server_id!r})"
