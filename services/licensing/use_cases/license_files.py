"""License files, made for a license's owner, or for a server that bears its key."""

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from services.licensing.domain.activation import Activation
from services.licensing.domain.license import License
from services.licensing.domain.license_file import (
    NONCE_BYTES,
    SALT_BYTES,
    Claims,
    Encryption,
    file_of,
    term_of,
)
from services.licensing.domain.signing_key import SigningKey
from services.licensing.domain.verdict import Verdict, judge
from services.licensing.service import Licensing
from services.licensing.store import activations, licenses
from services.licensing.use_cases.bearing import Bearer, Refused, admit, lock_license
from services.licensing.use_cases.signing import fresh_key
from services.licensing.use_cases.story import tell_file
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import Invalid, NotFound

Kept = TypeVar("Kept")


@dataclass(frozen=True, slots=True)
class Order:
    """A file that is wanted. `ttl` None: for as long as the license lasts. `by_owner`: the owner asks, who need not
    know the server's fingerprint; the file is bound to it all the same."""

    license_id: str
    server_id: str
    ttl: timedelta | None
    encrypted: bool
    fingerprint: str | None = None
    by_owner: bool = False


@dataclass(frozen=True, slots=True)
class LicenseFile:
    """`text` is the file; `expires_at` is its claim."""

    text: str
    expires_at: datetime


async def bearer_s_license(licensing: Licensing, bearer: Bearer, license_id: str) -> License | Refused:
    """The license, if that is what the key opens. Raises NotFound where it opens another, and `rate_limited`."""
    key = await admit(licensing, bearer)
    if isinstance(key, Refused):
        return key
    async with licensing.database.transaction() as connection:
        license = await lock_license(licensing, connection, key)
    if isinstance(license, License) and license.id != license_id:
        raise NotFound("license")
    return license


async def make_file(
    licensing: Licensing, order: Order, actor: Actor, keep: Callable[[Connection, LicenseFile], Awaitable[Kept]]
) -> Kept | Refused:
    """A file for a server that is active, of a license that is valid or in its grace; `keep` makes the answer in the
    same transaction. Locks the license's row, which counts its files. Raises Invalid where there is no fingerprint
    to encrypt to, and NotFound."""
    key = await fresh_key(licensing)
    async with licensing.database.transaction() as connection:
        license = await licenses.locked(connection, order.license_id)
        if license is None:
            raise NotFound("license")
        now = licensing.clock.now()
        seat = await activations.of_server(connection, license, order.server_id)
        verdict = await _judged(connection, license, seat, order, now)
        if not verdict.valid:
            return Refused(verdict, license)
        assert seat is not None, "a verdict on a server is valid only where it has a seat"
        encryption = _encryption(seat) if order.encrypted else None
        sequence = await activations.next_sequence(connection, license.id)
        claims = _claims(licensing, license, seat, order, sequence=sequence, now=now)
        await _note(connection, actor, claims, key, order, at=now)
        kept = await keep(connection, LicenseFile(file_of(claims, key, encryption), claims.expires_at))
    tell_file(claims.license_id, activation_id=seat.id, sequence=sequence)
    return kept


async def _judged(
    connection: Connection, license: License, seat: Activation | None, order: Order, now: datetime
) -> Verdict:
    active = await activations.count_active(connection, license, now=now)
    sent = order.fingerprint
    if sent is None and order.by_owner and seat is not None:
        sent = seat.fingerprint
    return judge(license, now=now, activation=seat, active=active, server_id=order.server_id, fingerprint=sent)


def _encryption(seat: Activation) -> Encryption:
    if seat.fingerprint is None:
        raise Invalid("/encrypted", "needs a fingerprint: activate the server with one first")
    return Encryption(seat.fingerprint, os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES))


def _claims(
    licensing: Licensing, license: License, seat: Activation, order: Order, *, sequence: int, now: datetime
) -> Claims:
    term = term_of(license, now=now, ttl=order.ttl)
    return Claims(
        license_id=license.id,
        server_id=seat.server_id,
        audience=licensing.settings.license_audience or licensing.settings.public_url,
        entitlements=license.entitlements,
        issued_at=now.replace(microsecond=0),
        expires_at=term.expires_at,
        grace_seconds=term.grace_seconds,
        sequence=sequence,
        fingerprint=seat.fingerprint,
    )


async def _note(
    connection: Connection, actor: Actor, claims: Claims, key: SigningKey, order: Order, *, at: datetime
) -> None:
    details = {
        "server_id": claims.server_id,
        "sequence": claims.sequence,
        "expires_at": claims.expires_at.isoformat(),
        "grace_seconds": claims.grace_seconds,
        "encrypted": order.encrypted,
        "kid": key.kid,
    }
    await audit.write(connection, actor, "license.file_made", claims.license_id, details, at=at)
