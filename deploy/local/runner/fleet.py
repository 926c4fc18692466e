"""All programs of the stack together: who is started when, who is ready, in which order they end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.children import LaunchError
from deploy.local.runner.console import say, say_ready
from deploy.local.runner.programs import Program
from deploy.local.runner.supervisor import Supervised, run_to_end

STOP_ORDER = (("gateway",), ("billing", "licensing", "fraud"), ("stripe_sandbox", "demo_upstream", "mail"))
ONCE_SECONDS = 180.0
READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass
class Fleet:
    logs: Path
    members: list[Supervised] = field(default_factory=list)

    def add(self, programs: list[Program]) -> None:
        self.members += [Supervised(one, self.logs / f"{one.name}.log") for one in programs]

    def start(self, wanted: Callable[[Supervised], bool]) -> None:
        for one in filter(wanted, self.members):
            one.start()

    def run_to_end(self, programs: list[Program]) -> None:
        """Programs that do a thing once, side by side; members may become ready meanwhile."""
        run_to_end(programs, self.logs, seconds=ONCE_SECONDS, meanwhile=self._show_who_is_ready)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_calm():
            self._show_who_is_ready()
            if time.monotonic() > deadline:
                late = ", ".join(one.name for one in self.members if not one.is_ready)
                raise LaunchError(f"Not ready after {READY_SECONDS:.0f} s: {late}. Logs: {self.logs}")
            time.sleep(POLL_SECONDS)

    def is_calm(self) -> bool:
        return all(one.is_ready for one in self.members)

    def look(self) -> bool:
        """Does what is due for each; True if the set of living processes changed."""
        changed = [one.look() for one in self.members]
        return any(changed)

    def pids(self) -> dict[str, list[int]]:
        """The living, with all below them."""
        return {one.name: one.pids() for one in self.members}

    def own_pids(self) -> list[int]:
        """Alive or not yet waited for."""
        return [one.process.pid for one in self.members if one.process is not None]

    def url_of(self, name: str) -> str | None:
        return next((one.program.url for one in self.members if one.name == name), None)

    def stop(self, is_in_a_hurry: Callable[[], bool]) -> None:
        """The public door first, then the services, then what stands in for the world."""
        for names in STOP_ORDER:
            _stop([one for one in self.members if one.name in names], is_in_a_hurry)

    def _show_who_is_ready(self) -> None:
        for one in self.members:
            if one.started_at > 0 and not one.is_ready:
                one.look()
                if one.is_ready:
                    say_ready(one.name, time.monotonic() - one.started_at, one.program.url)


def _stop(group: list[Supervised], is_in_a_hurry: Callable[[], bool]) -> None:
    for one in group:
        one.ask_to_end()
    deadline = time.monotonic() + STOP_SECONDS
    while not all(one.has_ended() for one in group):
        if is_in_a_hurry() or time.monotonic() > deadline:
            late = [one.name for one in group if not one.has_ended()]
            say(f"Killing what does not end: {', '.join(late)}.")
            break
        time.sleep(processes.POLL_SECONDS)
    for one in group:
        one.kill()
