"""The clocks that the test clock moves together: each service's (its processes follow it), and the Stripe sandbox's.
Neither exists in production."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from shared.contracts.clocks import ADVANCE_PATH, CLOCK_PATH, WORK_PATH, ClockState
from shared.http_client import ServiceClient, SiblingUnavailable

ANSWER_SECONDS = 60.0
"""One round of work of one service at one stop."""
_OK = 200


class ClockAway(Exception):
    """A clock did not answer, or not as a clock does."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a clock says. `ahead_seconds` is how far its business time is before real time, `next_due` when something
    falls due by itself next, `unsettled` how much waits to be done now; `head` is the position of the service's last
    event, `read` how far it has read its siblings', `failed` which of its loops failed."""

    ahead_seconds: int
    next_due: datetime | None
    unsettled: int
    head: int = 0
    read: tuple[tuple[str, int], ...] = ()
    failed: tuple[str, ...] = ()


class ServiceClock:
    """A service's clock, its doors at `/internal/v1/clock`."""

    def __init__(self, client: ServiceClient) -> None:
        self._client = client

    async def read(self) -> Reading:
        return await self._asked("GET", CLOCK_PATH)

    async def move(self, ahead_seconds: int) -> Reading:
        """Once it answers, all processes of the service follow."""
        return await self._asked("POST", ADVANCE_PATH, {"ahead_seconds": ahead_seconds})

    async def work(self) -> Reading:
        """Have it do what is due, to its end."""
        return await self._asked("POST", WORK_PATH)

    async def _asked(self, method: str, path: str, body: Mapping[str, int] | None = None) -> Reading:
        try:
            if method == "GET":
                answer = await self._client.get(path)
            else:
                answer = await self._client.post(path, body, idempotent=True, deadline_seconds=ANSWER_SECONDS)
        except SiblingUnavailable as error:
            raise ClockAway(str(error)) from error
        if answer.status_code != _OK:
            raise ClockAway(f"{path}: {answer.status_code}")
        return _reading(answer.json())


def _reading(state: ClockState) -> Reading:
    return Reading(
        ahead_seconds=state["ahead_seconds"],
        next_due=None if state["next_due"] is None else datetime.fromisoformat(state["next_due"]),
        unsettled=state["unsettled"],
        head=state["head"],
        read=tuple(sorted(state["read"].items())),
        failed=tuple(state["failed"]),
    )


class SandboxClock:
    """The clock of our stand-in for Stripe. Close it."""

    def __init__(self, url: str) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, trust_env=False)

    async def read(self) -> Reading:
        return await self._asked("GET", "/test/clock")

    async def move(self, ahead_seconds: int) -> Reading:
        """What is due there on the way happens at its own instant; its webhooks go out afterwards."""
        further = ahead_seconds - (await self.read()).ahead_seconds
        return await self._asked("POST", "/test/clock/advance", {"seconds": max(further, 0)})

    async def close(self) -> None:
        await self._http.aclose()

    async def _asked(self, method: str, path: str, body: Mapping[str, int] | None = None) -> Reading:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ClockAway(f"the Stripe sandbox: {type(error).__name__}") from error
        if answer.status_code != _OK:
            raise ClockAway(f"the Stripe sandbox, {path}: {answer.status_code}")
        state: dict[str, Any] = answer.json()
        due = state["next_due"]
        return Reading(
            ahead_seconds=state["ahead_seconds"],
            next_due=None if due is None else datetime.fromtimestamp(due, UTC),
            unsettled=state["undelivered"],
        )
