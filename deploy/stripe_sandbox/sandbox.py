"""The sandbox as a whole: what its doors, its courier and its clockwork share."""

import asyncio
from dataclasses import dataclass, field

from deploy.stripe_sandbox.api.faults import Faults
from deploy.stripe_sandbox.clock import Clock
from deploy.stripe_sandbox.domain.events import Cause
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases.turn import Turn

CLOCK_NOTE = "clock_ahead_seconds"


def kept_clock(store: Store) -> Clock:
    """The clock as it was left."""
    return Clock(int(store.note(CLOCK_NOTE) or 0))


@dataclass(frozen=True)
class Sandbox:
    settings: Settings
    store: Store
    clock: Clock = field(default_factory=Clock)
    faults: Faults = field(default_factory=Faults)
    # Rings when there may be something to deliver.
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    def move_clock_to(self, instant: int) -> None:
        """Business time becomes `instant`, if that is not past already; a restart finds it so."""
        self.move_ahead(self.clock.ahead_seconds + instant - self.clock.now())

    def move_ahead(self, seconds: int) -> None:
        """Business time becomes so far ahead of real time, if it is not further already; a restart finds it so."""
        further = max(seconds - self.clock.ahead_seconds, 0)
        with self.store.transaction():
            self.store.set_note(CLOCK_NOTE, str(self.clock.ahead_seconds + further))
        self.clock.advance(further)

    def turn(self, cause: Cause | None = None) -> Turn:
        """For use inside `store.transaction()`."""
        return Turn(
            store=self.store,
            now=self.clock.now(),
            real_now=self.clock.real_now(),
            public_url=self.settings.public_url,
            has_webhook=bool(self.settings.webhook_url),
            cause=cause or Cause(),
        )
