"""What time does by itself: checkout sessions expire, kept answers are forgotten."""

import asyncio

from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.use_cases import checkout

TICK_SECONDS = 0.5


async def run(sandbox: Sandbox) -> None:
    """Until cancelled."""
    while True:
        tick(sandbox)
        await asyncio.sleep(TICK_SECONDS)


def tick(sandbox: Sandbox) -> None:
    with sandbox.store.transaction():
        turn = sandbox.turn()
        expired = checkout.expire_due(turn)
        sandbox.store.answers.forget_old(now=turn.now)
    if expired:
        sandbox.bell.set()
