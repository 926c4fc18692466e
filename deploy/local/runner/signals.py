"""Signals to the runner: the first asks it to end, a second one hurries it; any wakes it from its rest."""

import select
import signal
import socket
from contextlib import suppress
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked(BaseException):
    """Somebody asked the runner to end; like KeyboardInterrupt, no `except Exception` may swallow it."""


class Signals:
    """What the runner has heard. Signals reach the main thread only, and so does StopAsked."""

    def __init__(self) -> None:
        self.is_stopping = False
        self.is_in_a_hurry = False
        self._alarm, self._alarm_sender = socket.socketpair()

    def listen(self) -> None:
        """From here on; a child's death (SIGCHLD) rings, too."""
        for one in ENDING:
            signal.signal(one, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for end in (self._alarm, self._alarm_sender):
            end.setblocking(False)
        signal.set_wakeup_fd(self._alarm_sender.fileno(), warn_on_full_buffer=False)

    def rest(self, seconds: float) -> None:
        """Until that time is over or a signal came, whichever is first."""
        select.select([self._alarm], [], [], seconds)
        with suppress(BlockingIOError):
            self._alarm.recv(4096)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        if self.is_stopping:
            self.is_in_a_hurry = True
            return
        self.is_stopping = True
        raise StopAsked
