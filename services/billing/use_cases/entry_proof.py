"""Proving one entry to its owner, and telling when an entry was sealed."""

from datetime import datetime
from uuid import UUID

from services.billing.domain.ledger.transfer import PREFIX as ENTRY_PREFIX
from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.seal.chain import Seal, Watermark
from services.billing.domain.seal.checkpoint import GROUP, Checkpoint
from services.billing.domain.seal.merkle import Step
from services.billing.domain.seal.proof import EntryProof, NotSealedYet, way_to_checkpoint, way_to_seal
from services.billing.store import checkpoints, seals
from services.billing.store.ledger_connection import Ledger, ledger_snapshot
from shared import ids
from shared.db import Database
from shared.errors import NotFound


async def prove_entry(database: Database, account_id: str, entry_id: str) -> EntryProof:
    """The proof of an entry of the account's own. Raises NotFound, NotSealedYet, and SealBroken where the book was
    changed since."""
    transfer_id = ids.decode(ENTRY_PREFIX, entry_id)
    async with ledger_snapshot(database) as ledger:
        found = await seals.posted_at_place(ledger, account_id, transfer_id) if transfer_id else None
        if found is None:
            raise NotFound("transaction")
        posted, place = found
        seal = await seals.over(ledger, place)
        if seal is None:
            raise NotSealedYet
        checkpoint = await checkpoints.over(ledger, seal.number)
        path = await _way_up(ledger, posted, place, seal, checkpoint)
    root = checkpoint.root if checkpoint is not None else seal.root
    return EntryProof(posted, tuple(path), root, seal.sealed_at, checkpoint)


async def _way_up(
    ledger: Ledger, posted: Posted, place: Watermark, seal: Seal, checkpoint: Checkpoint | None
) -> list[Step]:
    before = await seals.before(ledger, seal)
    leaves, index = await seals.leaves_of(ledger, seal, after=before.last, at=place)
    path = way_to_seal(posted, seal, leaves, index)
    if checkpoint is None:
        return path
    index = seal.number - checkpoint.first_seal
    first = checkpoint.first_seal + index - index % GROUP
    roots = await seals.roots(ledger, first, min(first + GROUP - 1, checkpoint.last_seal))
    return path + way_to_checkpoint(seal, checkpoint, roots)


async def sealed_at(ledger: Ledger, account_id: str, transfer_id: UUID) -> datetime | None:
    """When a transfer was sealed; None where it is not yet, or not there."""
    found = await seals.posted_at_place(ledger, account_id, transfer_id)
    seal = await seals.over(ledger, found[1]) if found is not None else None
    return seal.sealed_at if seal is not None else None
