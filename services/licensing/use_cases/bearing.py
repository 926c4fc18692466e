"""Who bears a license key: checked and counted without a look-up first, then looked up under the license's lock.

What a server asks for with a key is limited for its address, and for the key on that server: all servers of a floating
license bear one key, and each beats for itself.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from services.licensing.domain.license import License
from services.licensing.domain.license_key import LicenseKey, read_license_key, version_that_sealed
from services.licensing.domain.validation_limit import address_bucket, key_bucket, too_many
from services.licensing.domain.verdict import BAD_SIGNATURE, MALFORMED, NOT_FOUND, REPLACED, Verdict
from services.licensing.service import Licensing
from services.licensing.store import licenses
from shared.crypto import blind_index
from shared.db import Connection
from shared.window_limit import caller_at

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was changed, for what the verdict says. `license` is known where the key is a right one."""

    verdict: Verdict
    license: License | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Bearer:
    """Who asks: what was written as a key, the server and the caller's address. It has no repr, as it holds a key."""

    license_key: str
    server_id: str
    address: str


async def admit(licensing: Licensing, bearer: Bearer) -> LicenseKey | Refused:
    """A key that was made here. It is looked up nowhere. Raises `rate_limited`."""
    key = read_license_key(bearer.license_key)
    is_ours = key is not None and version_that_sealed(key, licensing.secrets.by_version) is not None
    await _count(licensing, bearer, key if is_ours else None)
    if key is None:
        return Refused(MALFORMED)
    return key if is_ours else Refused(BAD_SIGNATURE)


async def _count(licensing: Licensing, bearer: Bearer, key: LicenseKey | None) -> None:
    settings = licensing.settings
    caller = blind_index(caller_at(bearer.address), settings.blind_index_key)
    wanted = [(f"seats-address:{caller}", address_bucket(settings.validations_per_minute_address))]
    if key is not None:
        name = blind_index(f"{key.digits}:{bearer.server_id}", settings.blind_index_key)
        wanted.append((f"seats-key:{name}", key_bucket(settings.validations_per_minute_key)))
    taken = await licensing.limits.take(wanted)
    if not all(one.admitted for one in taken):
        raise too_many(taken)


async def lock_license(licensing: Licensing, connection: Connection, key: LicenseKey) -> License | Refused:
    """The license that the key opens now, its row locked until the transaction ends. The key is looked up again once
    the lock is had: it may have been replaced meanwhile."""
    found = await licenses.of_key_hash(connection, key.hash, real_now=licensing.clock.real_now())
    if found is not None:
        await licenses.locked(connection, found.id)
        found = await licenses.of_key_hash(connection, key.hash, real_now=licensing.clock.real_now())
    if found is not None:
        return found
    replaced = await licenses.of_key_hash(connection, key.hash, real_now=_LONG_AGO)
    return Refused(NOT_FOUND if replaced is None else REPLACED)
