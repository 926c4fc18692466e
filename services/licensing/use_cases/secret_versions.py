"""Which versions of the master secret are borne by live keys: one may retire when none is."""

from dataclasses import dataclass

from services.licensing.domain.master_secrets import MasterSecrets
from services.licensing.store import license_keys
from shared.clock import Clock
from shared.db import Database, is_unavailable


class UnknownSecrets(Exception):
    """Live keys bear versions that are not at hand: they would all be refused as forged."""


@dataclass(frozen=True, slots=True)
class Version:
    """`keys` are live ones, those in their overlap included."""

    version: int
    keys: int
    is_current: bool
    is_known: bool

    @property
    def may_retire(self) -> bool:
        return self.keys == 0 and not self.is_current


async def versions(database: Database, secrets: MasterSecrets, clock: Clock) -> list[Version]:
    """All that are at hand or in use."""
    async with database.transaction() as connection:
        live = await license_keys.live_versions(connection, real_now=clock.real_now())
    return [
        Version(each, live.get(each, 0), each == secrets.current, each in secrets.by_version)
        for each in sorted({*live, *secrets.by_version})
    ]


async def refuse_unknown(database: Database, secrets: MasterSecrets, clock: Clock) -> None:
    """Raises UnknownSecrets where a live key bears a version that is not at hand. A database that is away is asked
    nothing: nothing could be served then either."""
    try:
        found = await versions(database, secrets, clock)
    except Exception as error:
        if not is_unavailable(error):
            raise
        return
    unknown = {each.version: each.keys for each in found if not each.is_known}
    if unknown:
        said = ", ".join(f"version {version} ({keys} live keys)" for version, keys in unknown.items())
        raise UnknownSecrets(f"LICENSE_MASTER_SECRETS lacks {said}; put it back, or revoke these licenses first")
