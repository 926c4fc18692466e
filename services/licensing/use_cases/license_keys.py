"""License keys made and made again: no key is kept, only what it is made of."""

import os

from services.licensing.domain.license import License
from services.licensing.domain.license_key import SALT_BYTES, LicenseKey, Makings, make_license_key
from services.licensing.service import Licensing
from services.licensing.store import license_keys
from services.licensing.store.license_keys import KeyRow
from shared.crypto import seal, unseal
from shared.db import Connection


async def mint(licensing: Licensing, connection: Connection, license: License) -> LicenseKey:
    """A new key of the license's own, under the newest master secret. The one before must have been replaced."""
    version = licensing.secrets.current
    salt = os.urandom(SALT_BYTES)
    minted_at = licensing.clock.now().replace(microsecond=0)
    key = make_license_key(
        Makings(license.customer_ref, license.subscription_ref, minted_at, salt), licensing.secrets.by_version[version]
    )
    sealed = seal(salt, licensing.settings.seal_keys, _context(license.id))
    await license_keys.insert(connection, KeyRow(key.hash, license.id, sealed, version, minted_at))
    return key


async def made_again(licensing: Licensing, connection: Connection, license: License) -> LicenseKey:
    """The license's own key. AssertionError where what is kept makes another."""
    row = await license_keys.current(connection, license.id)
    salt = unseal(row.salt_sealed, licensing.settings.seal_keys, _context(license.id))
    makings = Makings(license.customer_ref, license.subscription_ref, row.minted_at, salt)
    key = make_license_key(makings, licensing.secrets.by_version[row.secret_version])
    assert key.hash == row.key_hash, "what is kept of the key makes another key"
    return key


def _context(license_id: str) -> str:
    return f"licensing.license_keys.salt.{license_id}"
