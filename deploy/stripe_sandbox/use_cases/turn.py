"""A turn: one request (or one tick of time) inside one transaction, with everything that a verb may ask
the world."""

import random
import secrets
from dataclasses import dataclass, field

from deploy.stripe_sandbox.domain import events, ids
from deploy.stripe_sandbox.domain.errors import missing_object
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases.set_aside import set_aside

NORMAL = "normal"
DOUBLE = "double"
SHUFFLE = "shuffle"
HOLD = "hold"
DROP = "drop"
DELIVERY_MODES = (NORMAL, DOUBLE, SHUFFLE, HOLD, DROP)
MODE_NOTE = "delivery_mode"
# The API version whose shapes events are delivered in; empty for the present one.
VERSION_NOTE = "delivery_api_version"
SALT_NOTE = "salt"

# Shuffled events leave within this time, in an order of chance.
SHUFFLE_SECONDS = 0.5


def random_letters(length: int) -> str:
    return "".join(secrets.choice(ids.ALPHABET) for _ in range(length))


@dataclass(frozen=True)
class Turn:
    """`now` is business time in seconds, `real_now` real time; `has_webhook` says whether events go
    anywhere."""

    store: Store
    now: int
    real_now: float
    public_url: str
    has_webhook: bool = True
    cause: events.Cause = field(default_factory=events.Cause)

    def new_id(self, kind: str) -> str:
        return ids.new_id(kind, random_letters)

    @property
    def salt(self) -> str:
        """What makes this sandbox's card fingerprints its own."""
        salt = self.store.note(SALT_NOTE)
        if salt is None:
            salt = random_letters(32)
            self.store.set_note(SALT_NOTE, salt)
        return salt

    def find(self, kind: str, object_id: str, *, param: str = "id") -> Json:
        """The object of an id in the path; 404 if there is none, a stub if it was deleted."""
        found = self.store.objects.get(kind, object_id)
        if found is None:
            raise missing_object(kind, object_id, param=param)
        return found

    def referred(self, kind: str, object_id: str, *, param: str) -> Json:
        """The living object that a parameter names; 400 if there is none."""
        found = self.store.objects.get(kind, object_id)
        if found is None or found.get("deleted"):
            raise missing_object(kind, object_id, param=param, status=400)
        return found

    def emit(self, event_type: str, snapshot: Json, *, previous: Json | None = None) -> None:
        """Writes the event and what is to be delivered of it, as the delivery mode says."""
        mode = self.store.note(MODE_NOTE) or NORMAL
        copies = self._copies(mode)
        event = events.new_event(
            self.new_id("event"),
            event_type,
            snapshot=snapshot,
            previous=previous,
            cause=self.cause,
            pending_webhooks=len(copies),
            now=self.now,
        )
        self.store.objects.insert(event, hidden=set_aside(self.store, snapshot))
        for state, at in copies:
            self.store.deliveries.add(event["id"], state=state, at=at, now=self.real_now)

    def _copies(self, mode: str) -> list[tuple[str, float]]:
        """The state and the instant of each copy of an event."""
        if not self.has_webhook:
            return []
        if mode == DROP:
            return [("dropped", self.real_now)]
        if mode == HOLD:
            return [("held", self.real_now)]
        if mode == SHUFFLE:
            return [("pending", self.real_now + random.uniform(0, SHUFFLE_SECONDS))]  # noqa: S311
        return [("pending", self.real_now)] * (2 if mode == DOUBLE else 1)
