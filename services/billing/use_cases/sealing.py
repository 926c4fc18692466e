"""The sealer: puts every committed transfer under a seal within a second or two, off the posting path.

Any number of processes may run it; an advisory lock lets one work. Each seal is a transaction of its own. Checkpoints
are signed when the last is `SEAL_CHECKPOINT_SECONDS` old. All instants are real time.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from prometheus_client import Counter, Gauge

from services.billing.domain.seal import merkle
from services.billing.domain.seal.chain import GENESIS, MOST_LEAVES, Seal, next_seal
from services.billing.domain.seal.checkpoint import GROUP, Checkpoint, groups_of, statement_of
from services.billing.service import Billing
from services.billing.store import checkpoints, seals
from services.billing.store.ledger_connection import Ledger, ledger_transaction
from shared.db import is_unavailable
from shared.telemetry import REGISTRY, logger

SEAL_EVERY_SECONDS = 1.0
_EPOCH_BITS = 32
_SUBTREE = 512
"""Leaves that are hashed without a pause: a third of a millisecond. A power of two."""
_CHECKPOINT_LOOK_SECONDS = 60.0

LAG = Gauge(
    "tollgate_seal_lag_seconds",
    "How long committed transfers wait for their seal, in the process that seals.",
    registry=REGISTRY,
)
SEALED = Counter("tollgate_sealed_transfers_total", "Transfers that this process has sealed.", registry=REGISTRY)


class ClusterIsYounger(Exception):
    """The server counts fewer transactions than the seals name: the schema was restored from a dump into a new server.
    What it posts now would stand in places that are sealed already."""

    def __init__(self, *, sealed_xid: int, xmin: int) -> None:
        super().__init__(
            f"sealing stops: the seals know transaction {sealed_xid}, and the server is at {xmin}. Stop it and run"
            f" pg_resetwal --epoch={(sealed_xid >> _EPOCH_BITS) + 1}; see docs/operations.md, Backups"
        )


@dataclass
class Sealer:
    """One process's sealer. It remembers since when something waits, and behind which seal nothing did."""

    billing: Billing
    _waits_since: float | None = field(default=None, init=False)
    _rests_behind: Seal | None = field(default=None, init=False)

    async def seal(self) -> bool:
        """Make one seal, if anything is there to be sealed; whether there may be more. While the database is away it
        rests as when there is nothing to do, so that it seals within a second of its return."""
        try:
            return await self._seal()
        except Exception as error:
            if not is_unavailable(error):
                raise
            if self._waits_since is None:
                logger.warning("sealing_waits", error=repr(error))
            self._note(waits=True)
            return False

    async def _seal(self) -> bool:
        rests_behind, self._rests_behind = self._rests_behind, None
        if rests_behind is not None and not await seals.may_have_news(self.billing.database, rests_behind):
            self._rests_behind = rests_behind
            return False
        async with ledger_transaction(self.billing.database) as ledger:
            if not await seals.take_turn(ledger):
                self._note(waits=False)
                return False
            before = await seals.newest(ledger)
            await _check_age(ledger, before)
            seal = await self._next(ledger, before)
            is_full = seal.leaves == MOST_LEAVES
            waits = is_full or await seals.waits(ledger, seal.last)
            self._note(waits=waits)
        self._rests_behind = None if waits else seal
        SEALED.inc(seal.leaves if seal is not before else 0)
        return is_full

    async def _next(self, ledger: Ledger, before: Seal) -> Seal:
        """The new seal, or the last one again where nothing was to be sealed."""
        batch = await seals.next_batch(ledger, before.last, limit=MOST_LEAVES)
        if batch is None:
            return before
        root = await _root(batch.leaves)
        now = self.billing.clock.real_now()
        seal = next_seal(before, root=root, leaves=len(batch.leaves), last=batch.last, at=now)
        await seals.insert(ledger, seal)
        return seal

    def _note(self, *, waits: bool) -> None:
        now = time.monotonic()
        self._waits_since = (self._waits_since or now) if waits else None
        LAG.set(now - self._waits_since if self._waits_since is not None else 0.0)


async def _root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle root, made of aligned subtrees, between which this process's postings get their turn."""
    subtrees = []
    for at in range(0, len(leaves), _SUBTREE):
        subtrees.append(merkle.root(leaves[at : at + _SUBTREE]))
        await asyncio.sleep(0)
    return merkle.root(subtrees)


async def _check_age(ledger: Ledger, newest: Seal) -> None:
    xmin = await seals.oldest_running(ledger)
    if newest.last.xid >= xmin:
        raise ClusterIsYounger(sealed_xid=newest.last.xid, xmin=xmin)


def checkpoint_look_seconds(billing: Billing) -> float:
    """How often to look whether a checkpoint is due."""
    return min(_CHECKPOINT_LOOK_SECONDS, billing.settings.seal_checkpoint_seconds)


async def checkpoint_if_due(billing: Billing) -> bool:
    """Sign a checkpoint over the seals since the last one, if that is old enough; before the first, if the first seal
    is. Never more to do at once."""
    async with ledger_transaction(billing.database) as ledger:
        if await checkpoints.take_turn(ledger):
            last = await checkpoints.newest(ledger)
            newest = await seals.newest(ledger)
            if newest is not GENESIS and await _is_due(billing, ledger, last, newest):
                await checkpoints.insert(ledger, await _signed(billing, ledger, last, newest))
    return False


async def _is_due(billing: Billing, ledger: Ledger, last: Checkpoint | None, newest: Seal) -> bool:
    if last is not None and newest.number == last.last_seal:
        return False
    since = last.signed_at if last is not None else await seals.first_sealed_at(ledger)
    return billing.clock.real_now() - since >= timedelta(seconds=billing.settings.seal_checkpoint_seconds)


async def _signed(billing: Billing, ledger: Ledger, last: Checkpoint | None, newest: Seal) -> Checkpoint:
    number, first = (last.number + 1, last.last_seal + 1) if last is not None else (1, 1)
    groups: list[bytes] = []
    for begin in range(first, newest.number + 1, GROUP):
        groups += groups_of(await seals.roots(ledger, begin, min(begin + GROUP - 1, newest.number)))
    root, now, signer = merkle.root(groups), billing.clock.real_now(), billing.settings.seal_signer
    statement = statement_of(
        number=number,
        first_seal=first,
        last_seal=newest.number,
        root=root,
        previous=last.root if last is not None else GENESIS.root,
        chain=newest.chain,
        signed_at=now,
    )
    signature = signer.sign(statement)
    return Checkpoint(number, first, newest.number, root, tuple(groups), statement, signature, signer.kid, now)
