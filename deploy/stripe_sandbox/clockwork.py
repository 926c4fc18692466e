"""What time does by itself: checkout sessions expire, refunds and disputes settle, payouts arrive,
subscriptions renew, kept answers are forgotten. And time's leap: everything that would have happened on the way
happens, in order."""

import asyncio
from collections.abc import Callable

from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import balance, checkout, disputes, refunds, renewals
from deploy.stripe_sandbox.use_cases.turn import Turn

TICK_SECONDS = 0.5
BATCH = 100

# A timer's verb -> what it does to the object.
VERBS: dict[str, Callable[[Turn, str], None]] = {
    refunds.SETTLE: refunds.settle,
    disputes.DECIDE: disputes.decide,
    disputes.OVERDUE: disputes.give_up,
    balance.ARRIVE: balance.arrive,
    **renewals.VERBS,
}


async def run(sandbox: Sandbox) -> None:
    """Until cancelled."""
    while True:
        tick(sandbox)
        await asyncio.sleep(TICK_SECONDS)


def tick(sandbox: Sandbox) -> None:
    """Does what is due, a batch at a time, in one transaction."""
    with sandbox.store.transaction():
        turn = sandbox.turn()
        done = checkout.expire_due(turn)
        for timer in sandbox.store.timers.take_due(now=turn.now, limit=BATCH):
            VERBS[timer.verb](turn, timer.object_id)
            done += 1
        sandbox.store.answers.forget_old(now=turn.now)
    if done:
        sandbox.bell.set()


def advance(sandbox: Sandbox, seconds: int) -> int:
    """Moves business time exactly so much further ahead of real time, and answers what it is then. Stops wherever
    something is due on the way, does it at its own instant, and goes on; nothing else runs meanwhile. Kept through a
    restart."""
    ahead = sandbox.clock.ahead_seconds + seconds
    while (due := next_due(sandbox.store)) is not None and due <= sandbox.clock.now_if_ahead(ahead):
        sandbox.move_clock_to(due)
        tick(sandbox)
    sandbox.move_ahead(ahead)
    tick(sandbox)
    return sandbox.clock.now()


def next_due(store: Store) -> int | None:
    """When something happens by itself next."""
    instants = (store.objects.next_session_end(), store.timers.next_at())
    return min((at for at in instants if at is not None), default=None)
