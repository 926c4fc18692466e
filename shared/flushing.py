"""Writes of one turn of the event loop, sent back to back at its end.

A write to a socket wakes whoever waits at its other end. Sent one by one, with work between them, each finds a reader
who has just gone back to sleep; sent together, the first wakes him for all of them.
"""

import asyncio
from typing import Protocol


class Sender(Protocol):
    """Keeps what it is to send, in order, and sends it when it is told."""

    def send_now(self) -> None: ...


class Flush:
    """One event loop's."""

    __slots__ = ("_loop", "_senders")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._senders: list[Sender] = []

    def add(self, sender: Sender) -> None:
        """Tell it once everything has run that was ready to. Who is added twice is told twice."""
        if not self._senders:
            self._loop.call_soon(self._flush)
        self._senders.append(sender)

    def _flush(self) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            sender.send_now()
