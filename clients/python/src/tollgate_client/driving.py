"""Doing what a flow asks for (exchange.py): sending with httpx, and waiting. One function with httpx.Client, the other
with httpx.AsyncClient; all else is common to both kinds of client."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import httpx

from tollgate_client.exchange import Flow, Outcome, Outgoing, Pause, Step

T = TypeVar("T")


def drive(flow: Flow[T], http: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> T:
    """Do what the flow asks for, and return its result."""
    outcome: Outcome = None
    while not isinstance(step := _next(flow, outcome), End):
        if isinstance(step, Pause):
            if isinstance(outcome, httpx.Response):
                outcome.close()
            sleep(step.seconds)
            outcome = None
            continue
        try:
            outcome = http.send(_request(http, step), stream=step.streamed)
        except httpx.RequestError as error:
            outcome = error
    return step.value


async def drive_async(
    flow: Flow[T], http: httpx.AsyncClient, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> T:
    """The same, without holding up the event loop."""
    outcome: Outcome = None
    while not isinstance(step := _next(flow, outcome), End):
        if isinstance(step, Pause):
            if isinstance(outcome, httpx.Response):
                await outcome.aclose()
            await sleep(step.seconds)
            outcome = None
            continue
        try:
            outcome = await http.send(_request(http, step), stream=step.streamed)
        except httpx.RequestError as error:
            outcome = error
    return step.value


@dataclass(frozen=True)
class End(Generic[T]):
    value: T


def _next(flow: Flow[T], outcome: Outcome) -> Step | End[T]:
    try:
        return flow.send(outcome)
    except StopIteration as end:
        return End(end.value)


def _request(http: httpx.Client | httpx.AsyncClient, step: Outgoing) -> httpx.Request:
    params: Any = step.params or None
    return http.build_request(step.method, step.path, params=params, headers=dict(step.headers), content=step.content)
