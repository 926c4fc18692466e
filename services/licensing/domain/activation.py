"""Activations: which servers hold a license's seats.

    activate    a free seat is taken; the same server again has the same activation
    heartbeat   extends a floating license's lease; a lease that ended competes for a seat again
    deactivate  gives the seat back
    swap        gives one server's seat back and takes one for another, or does neither
    transfer    hands a seat over: the number of seats taken never changes

An activation whose lease is over is dead: it holds no seat, though nobody has ended it yet. An activation that ended
never comes back; a new one is appended, and nothing is deleted. A license whose plan allows fewer servers than are
active keeps them, gives no new seat, and is not valid on any until enough are given back (`verdict`).

An activation that was made with a fingerprint asks for it whenever it is to grant something, so that a copied key is
none on another machine; giving a seat back refuses only another fingerprint. One that was made without takes up the
first that is sent.

Whoever decides holds the license's lock, and has seen that it is valid. Pure; instants are business time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from services.licensing.domain.license import License

ActivationId = NewType("ActivationId", str)
PREFIX = "act"

Metadata = Mapping[str, str | int | bool | None]


class Ending(StrEnum):
    """Why an activation ended."""

    DEACTIVATED = "deactivated"
    """By the server, with the key."""
    REMOVED = "removed"
    """By the license's owner or an operator."""
    LEASE_OVER = "lease_over"
    REPLACED = "replaced"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True)
class Activation:
    """One server's seat, from `activated_at` to `deactivated_at`. `lease_until` None: it needs no heartbeat. `follows`
    is the activation whose seat was handed over to it."""

    id: ActivationId
    license_id: str
    server_id: str
    activated_at: datetime
    fingerprint: str | None = None
    metadata: Metadata = field(default_factory=dict)
    lease_until: datetime | None = None
    last_heartbeat_at: datetime | None = None
    deactivated_at: datetime | None = None
    ending: Ending | None = None
    follows: str | None = None

    def __post_init__(self) -> None:
        assert (self.deactivated_at is None) == (self.ending is None)

    @property
    def is_open(self) -> bool:
        """Whether nobody has ended it; its lease may be over all the same."""
        return self.deactivated_at is None

    def is_active(self, now: datetime) -> bool:
        """Whether it holds a seat."""
        return self.is_open and (self.lease_until is None or now < self.lease_until)

    @property
    def is_given_back(self) -> bool:
        """Whether it was ended by somebody, rather than by its lease."""
        return self.deactivated_at is not None and self.ending is not Ending.LEASE_OVER

    def lost_its_lease(self, now: datetime) -> bool:
        """Whether it may come back by itself, if a seat is free."""
        return self.ending is Ending.LEASE_OVER or (self.is_open and not self.is_active(now))


@dataclass(frozen=True, slots=True)
class Server:
    """Who asks. None: not said."""

    server_id: str
    fingerprint: str | None = None
    metadata: Metadata | None = None


@dataclass(frozen=True, slots=True)
class Seats:
    """A license's seats as one server meets them: its own newest activation, whatever became of it, and how many
    others hold seats."""

    license: License
    own: Activation | None
    others: int

    @property
    def has_room(self) -> bool:
        return self.others < self.license.max_activations


class Refusal(StrEnum):
    """Why nothing was changed."""

    TOO_MANY = "too_many"
    FINGERPRINT_MISMATCH = "fingerprint_mismatch"
    NOT_ACTIVATED = "not_activated"


@dataclass(frozen=True, slots=True)
class Decision:
    """What to write: activations that ended, and then the one that stands, new or changed."""

    activation: Activation
    ended: tuple[Activation, ...] = ()


def activated(seats: Seats, server: Server, new_id: ActivationId, *, now: datetime) -> Decision | Refusal:
    """A seat for the server: its own, where it has one, else a free one under the new id."""
    own = seats.own
    if own is not None and own.is_active(now):
        return _renewed(seats.license, own, server, now=now)
    if not seats.has_room:
        return Refusal.TOO_MANY
    ended = (_ended_by_lease(own),) if own is not None and own.is_open else ()
    return Decision(_new(seats.license, server, new_id, now=now), ended)


def beaten(seats: Seats, server: Server, new_id: ActivationId, *, now: datetime) -> Decision | Refusal:
    """A heartbeat. One that comes too late competes for a seat like any other server, under the new id, with what was
    known of it."""
    own = seats.own
    if own is None or not (own.is_active(now) or own.lost_its_lease(now)):
        return Refusal.NOT_ACTIVATED
    if own.is_active(now):
        return _renewed(seats.license, own, server, now=now)
    if not _is_of(own, server):
        return Refusal.FINGERPRINT_MISMATCH
    return activated(seats, _said_again(own, server), new_id, now=now)


def deactivated(seats: Seats, server: Server, *, now: datetime) -> Decision | Refusal:
    """The seat given back, also where no fingerprint is sent; one that has ended already stays as it is."""
    own = seats.own
    if own is None:
        return Refusal.NOT_ACTIVATED
    if own.is_open and server.fingerprint is not None and not _is_of(own, server):
        return Refusal.FINGERPRINT_MISMATCH
    return Decision(ended_by(own, Ending.DEACTIVATED, now=now))


def swapped(
    seats: Seats, leaving: Activation | None, server: Server, new_id: ActivationId, *, now: datetime
) -> Decision | Refusal:
    """A seat for the server, with that of another given back, if it has one. `seats` counts the leaving one too."""
    if leaving is None or not leaving.is_open:
        return activated(seats, server, new_id, now=now)
    freed = replace(seats, others=seats.others - leaving.is_active(now))
    decided = activated(freed, server, new_id, now=now)
    if isinstance(decided, Refusal):
        return decided
    return replace(decided, ended=(*decided.ended, ended_by(leaving, Ending.REPLACED, now=now)))


def transferred(
    seats: Seats, leaving: Activation | None, server: Server, new_id: ActivationId, *, now: datetime
) -> Decision | Refusal:
    """The leaving server's seat, handed over with its metadata. `seats` are as the other server meets them, the leaving
    one counted; it must not be active itself, unless by this very transfer, done before. A seat whose lease is over is
    none."""
    if leaving is None:
        return Refusal.NOT_ACTIVATED
    own = seats.own
    if own is not None and own.is_active(now) and own.follows == leaving.id:
        return Decision(own) if _is_of(own, server) else Refusal.FINGERPRINT_MISMATCH
    if not leaving.is_active(now):
        return Refusal.NOT_ACTIVATED
    assert own is None or not own.is_active(now), "whoever asks is told that the server is activated already"
    given = replace(server, metadata=leaving.metadata if server.metadata is None else server.metadata)
    made = replace(_new(seats.license, given, new_id, now=now), follows=leaving.id)
    dead = (_ended_by_lease(own),) if own is not None and own.is_open else ()
    return Decision(made, (*dead, ended_by(leaving, Ending.TRANSFERRED, now=now)))


def ended_by(activation: Activation, ending: Ending, *, now: datetime) -> Activation:
    """Ended now. An ending stays what it was, except that whoever lost a lease can be kept from coming back."""
    if activation.is_open:
        return replace(activation, deactivated_at=max(now, activation.activated_at), ending=ending)
    return replace(activation, ending=ending) if activation.ending is Ending.LEASE_OVER else activation


def _new(license: License, server: Server, new_id: ActivationId, *, now: datetime) -> Activation:
    return Activation(
        new_id,
        license.id,
        server.server_id,
        activated_at=now,
        fingerprint=server.fingerprint,
        metadata=server.metadata or {},
        lease_until=_lease_from(license, now),
        last_heartbeat_at=now,
    )


def _renewed(license: License, own: Activation, server: Server, *, now: datetime) -> Decision | Refusal:
    """The same activation, alive. A fingerprint that was not known is taken up."""
    if not _is_of(own, server):
        return Refusal.FINGERPRINT_MISMATCH
    return Decision(
        replace(
            own,
            fingerprint=own.fingerprint or server.fingerprint,
            metadata=own.metadata if server.metadata is None else server.metadata,
            lease_until=_lease_from(license, now),
            last_heartbeat_at=now,
        )
    )


def _said_again(own: Activation, server: Server) -> Server:
    return replace(server, metadata=own.metadata if server.metadata is None else server.metadata)


def _is_of(own: Activation, server: Server) -> bool:
    """Whether it is the machine that the activation was made for, as far as that is known."""
    return own.fingerprint is None or own.fingerprint == server.fingerprint


def _ended_by_lease(own: Activation) -> Activation:
    return replace(own, deactivated_at=own.lease_until, ending=Ending.LEASE_OVER)


def _lease_from(license: License, now: datetime) -> datetime | None:
    return None if license.lease_seconds is None else now + timedelta(seconds=license.lease_seconds)
