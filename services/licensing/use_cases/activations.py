"""Activations, as servers ask for them with the license's key, and as its owner sees them.

Every change is decided under the lock of the license's row, so that of any number at once no more get a seat than
there are, and a revocation comes wholly before or wholly after. Repeating a request changes nothing more. What servers
ask for is limited: raises `rate_limited`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.licensing.domain.activation import (
    PREFIX,
    Activation,
    ActivationId,
    Decision,
    Ending,
    Refusal,
    Seats,
    Server,
    activated,
    beaten,
    deactivated,
    ended_by,
    swapped,
    transferred,
)
from services.licensing.domain.license import License
from services.licensing.domain.license_key import LicenseKey
from services.licensing.domain.verdict import Code, Verdict, judge
from services.licensing.service import Licensing
from services.licensing.store import activations, licenses
from services.licensing.use_cases.bearing import Bearer, Refused, admit, lock_license
from services.licensing.use_cases.story import tell_begun, tell_ended, tell_lost
from shared import audit
from shared.audit import Actor
from shared.db import Connection
from shared.errors import DomainError, Invalid, NotFound
from shared.ids import new_id

Decide = Callable[[Connection, Seats, ActivationId], Awaitable[Decision | Refusal]]

_VERDICTS = {
    Refusal.NOT_ACTIVATED: Verdict(Code.NOT_ACTIVATED, "The license is not activated on this server."),
    Refusal.FINGERPRINT_MISMATCH: Verdict(
        Code.FINGERPRINT_MISMATCH, "The server's fingerprint is not its activation's, or was not sent."
    ),
}


async def activate(
    licensing: Licensing, bearer: Bearer, server: Server, *, replaces: str | None = None
) -> Activation | Refused:
    """A seat for the server; with `replaces` that server's seat is given back for it. Raises `too_many_activations`,
    Invalid."""
    if replaces == server.server_id:
        raise Invalid("/replaces", "must name another server than the one that is activated")

    async def decide(connection: Connection, seats: Seats, fresh: ActivationId) -> Decision | Refusal:
        now = licensing.clock.now()
        if replaces is None:
            return activated(seats, server, fresh, now=now)
        leaving = await activations.of_server(connection, seats.license, replaces)
        return swapped(seats, leaving, server, fresh, now=now)

    return await _change(licensing, "activate", bearer, server, decide)


async def heartbeat(licensing: Licensing, bearer: Bearer, server: Server) -> Activation | Refused:
    """Extend the server's lease. One whose lease is over competes for a seat: raises `too_many_activations`."""

    async def decide(_connection: Connection, seats: Seats, fresh: ActivationId) -> Decision | Refusal:
        return beaten(seats, server, fresh, now=licensing.clock.now())

    return await _change(licensing, "heartbeat", bearer, server, decide)


async def deactivate(licensing: Licensing, bearer: Bearer, server: Server) -> Activation | Refused:
    """Give the server's seat back, whatever the license is worth now."""

    async def decide(_connection: Connection, seats: Seats, _fresh: ActivationId) -> Decision | Refusal:
        return deactivated(seats, server, now=licensing.clock.now())

    return await _change(licensing, "deactivate", bearer, server, decide, must_be_valid=False)


async def transfer(
    licensing: Licensing, bearer: Bearer, server: Server, *, from_server_id: str
) -> Activation | Refused:
    """Hand one server's seat over to another. Raises Invalid where that has one already."""
    if from_server_id == server.server_id:
        raise Invalid("/to_server_id", "must name another server than from_server_id")

    async def decide(connection: Connection, seats: Seats, fresh: ActivationId) -> Decision | Refusal:
        now = licensing.clock.now()
        leaving = await activations.of_server(connection, seats.license, from_server_id)
        own = seats.own
        if own is not None and own.is_active(now) and (leaving is None or own.follows != leaving.id):
            raise Invalid("/to_server_id", "is activated already")
        return transferred(seats, leaving, server, fresh, now=now)

    return await _change(licensing, "transfer", bearer, server, decide)


async def list_activations(
    licensing: Licensing, license: License, *, after: str | None, limit: int
) -> list[Activation]:
    """All that the license ever had, newest first. Raises `invalid_cursor` where `after` is none of them."""
    async with licensing.database.transaction() as connection:
        if after is not None and await activations.find(connection, license, after) is None:
            raise DomainError("invalid_cursor", "There is nothing with the id that `after` names.")
        return await activations.page(connection, license, after=after, limit=limit)


async def remove(licensing: Licensing, license_id: str, activation_id: str, actor: Actor) -> None:
    """End an activation for its owner or an operator; one that has ended stays as it is. Raises NotFound."""
    async with licensing.database.transaction() as connection:
        license = await licenses.locked(connection, license_id)
        found = None if license is None else await activations.find(connection, license, activation_id)
        if found is None:
            raise NotFound("activation")
        now = licensing.clock.now()
        ended = ended_by(found, Ending.REMOVED, now=now)
        if ended != found:
            await activations.save(connection, ended)
            details = {"license_id": license_id, "server_id": found.server_id}
            await audit.write(connection, actor, "activation.removed", activation_id, details, at=now)
    if ended != found:
        tell_ended(ended)
    await licensing.announce()


@dataclass(frozen=True, slots=True)
class _Done:
    """What was written: an activation that stands, new or not, those that ended, and those whose lease was over."""

    license: License
    activation: Activation
    is_new: bool
    ended: tuple[Activation, ...]
    lost: list[str]


async def _change(
    licensing: Licensing, asked: str, bearer: Bearer, server: Server, decide: Decide, *, must_be_valid: bool = True
) -> Activation | Refused:
    key = await admit(licensing, bearer)
    done = key if isinstance(key, Refused) else await _done(licensing, key, server, decide, must_be_valid)
    if isinstance(done, Refused):
        licensing.refusals.tell(asked, done.verdict.code, done.license, bearer.license_key)
        return done
    _tell(done)
    await licensing.announce()
    return done.activation


async def _done(
    licensing: Licensing, key: LicenseKey, server: Server, decide: Decide, must_be_valid: bool
) -> _Done | Refused:
    async with licensing.database.transaction() as connection:
        license = await lock_license(licensing, connection, key)
        if isinstance(license, Refused):
            return license
        verdict = judge(license, now=licensing.clock.now())
        if must_be_valid and not verdict.valid:
            return Refused(verdict, license)
        return await _decided(licensing, connection, license, server, decide)


async def _decided(
    licensing: Licensing, connection: Connection, license: License, server: Server, decide: Decide
) -> _Done | Refused:
    now = licensing.clock.now()
    own = await activations.of_server(connection, license, server.server_id)
    active = await activations.count_active(connection, license, now=now)
    seats = Seats(license, own, active - (own is not None and own.is_active(now)))
    fresh = ActivationId(new_id(PREFIX, at=now))
    found = await decide(connection, seats, fresh)
    if found is Refusal.TOO_MANY:
        raise _too_many(license, active)
    if isinstance(found, Refusal):
        return Refused(_VERDICTS[found], license)
    for each in (*found.ended, found.activation):
        await activations.save(connection, each)
    lost = await activations.end_dead(connection, license, now=now)
    is_ended = not found.activation.is_open and found.activation != own
    ended = (*found.ended, found.activation) if is_ended else found.ended
    return _Done(license, found.activation, found.activation.id == fresh, ended, lost)


def _tell(done: _Done) -> None:
    for each in done.ended:
        tell_ended(each)
    tell_lost(done.license, done.lost)
    if done.is_new:
        tell_begun(done.activation)


def _too_many(license: License, active: int) -> DomainError:
    return DomainError(
        "too_many_activations",
        f"{active} of {license.max_activations} activations are in use. Deactivate a server, or move its seat.",
        extra={"active": active, "max_activations": license.max_activations},
    )
