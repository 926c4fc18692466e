"""Proves the seal: every root, link and signature recomputed, streaming, on one snapshot, beside running postings."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence

from services.billing.domain.seal.audit import SealAuditor, SealProof
from services.billing.domain.seal.chain import Seal
from services.billing.domain.seal.checkpoint import Checkpoint, Signer
from services.billing.store import checkpoints, seals
from services.billing.store.ledger_connection import ledger_snapshot, ledger_transaction
from services.billing.use_cases.verify_ledger import Progress, say_nothing
from shared.db import Database

SEALED_WITHIN_SECONDS = 2.0
_LOOK_SECONDS = 0.05


async def verify_seals(
    database: Database, signer: Signer, *, progress: Progress = say_nothing, patience: float = SEALED_WITHIN_SECONDS
) -> SealProof:
    """Recompute the seals. What is committed when it begins has `patience` seconds to be sealed, else it is told as
    `unsealed`; then one read-only transaction is held as long as it takes, and pages are held in memory."""
    is_late = not await _everything_is_sealed(database, patience)
    auditor = SealAuditor(signer)
    async with ledger_snapshot(database) as ledger:
        leaves = _Leaves(seals.stream_leaves(ledger, to=(await seals.newest(ledger)).last))
        signed = _Checkpoints(checkpoints.stream(ledger))
        async for page in seals.stream(ledger):
            for seal in page:
                auditor.check_seal(seal, await leaves.of(seal))
                for checkpoint in await signed.up_to(seal):
                    auditor.check_checkpoint(checkpoint)
            progress(auditor.transfers)
    if is_late:
        auditor.tell_unsealed()
    return auditor.proof()


async def _everything_is_sealed(database: Database, patience: float) -> bool:
    """Whether all that is committed now is sealed before `patience` seconds have passed."""
    deadline = time.monotonic() + patience
    async with ledger_transaction(database) as ledger:
        begun = await seals.newest_begun(ledger)
    while True:
        async with ledger_transaction(database) as ledger:
            newest = await seals.newest(ledger)
            if not await seals.waits(ledger, newest.last, before_xid=begun):
                return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_SECONDS)


class _Leaves:
    """The book's leaves, handed out seal by seal."""

    def __init__(self, pages: AsyncIterator[Sequence[seals.LeafRow]]) -> None:
        self._pages = pages
        self._page: Sequence[seals.LeafRow] = []
        self._at = 0

    async def of(self, seal: Seal) -> list[bytes]:
        """Those that were not handed out yet, up to the seal's place; at most one more than it says that it has."""
        found: list[bytes] = []
        while True:
            end = bisect_right(self._page, seal.last, lo=self._at, key=seals.place_of)
            found += [row["leaf"] for row in self._page[self._at : end]][: seal.leaves + 1 - len(found)]
            self._at = end
            if end < len(self._page):
                return found
            self._page, self._at = await anext(self._pages, []), 0
            if not self._page:
                return found


class _Checkpoints:
    """The checkpoints, handed out when their last seal has been checked."""

    def __init__(self, stream: AsyncIterator[Checkpoint]) -> None:
        self._stream = stream
        self._next: Checkpoint | None = None

    async def up_to(self, seal: Seal) -> list[Checkpoint]:
        found: list[Checkpoint] = []
        while True:
            self._next = self._next or await anext(self._stream, None)
            if self._next is None or self._next.last_seal > seal.number:
                return found
            found.append(self._next)
            self._next = None
