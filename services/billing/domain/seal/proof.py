"""The proof of one entry: the way from its leaf to a seal's root, and on to a signed checkpoint's once there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.billing.domain.ledger.transfer import Posted
from services.billing.domain.seal import merkle
from services.billing.domain.seal.chain import Seal
from services.billing.domain.seal.checkpoint import Checkpoint, path_of
from services.billing.domain.seal.leaf import leaf_of
from services.billing.domain.seal.merkle import Step
from shared.errors import DomainError


class NotSealedYet(DomainError):
    """The entry was posted a moment ago, or sealing waits for a long transaction."""

    def __init__(self) -> None:
        super().__init__("not_sealed_yet", "The entry is not sealed yet; try again.", headers={"Retry-After": "1"})


class SealBroken(Exception):
    """What the book holds is not what was sealed. `ledger verify` tells what was changed."""


@dataclass(frozen=True, slots=True)
class EntryProof:
    """`path` leads from the entry's leaf to `root`: the checkpoint's, or without one the seal's."""

    posted: Posted
    path: tuple[Step, ...]
    root: bytes
    sealed_at: datetime
    checkpoint: Checkpoint | None


def way_to_seal(posted: Posted, seal: Seal, leaves: Sequence[bytes], index: int) -> list[Step]:
    """The path from the entry to its seal's root. Raises SealBroken unless the leaves make that root."""
    if len(leaves) != seal.leaves or leaves[index] != leaf_of(posted):
        raise SealBroken(f"seal {seal.number}: {len(leaves)} transfers, and {seal.leaves} were sealed")
    path = merkle.path(leaves, index)
    if merkle.follow(leaves[index], path) != seal.root:
        raise SealBroken(f"seal {seal.number}: its transfers have another root")
    return path


def way_to_checkpoint(seal: Seal, checkpoint: Checkpoint, roots_of_group: Sequence[bytes]) -> list[Step]:
    """The path from a seal's root to its checkpoint's. Raises SealBroken unless it leads there."""
    index = seal.number - checkpoint.first_seal
    path = path_of(index=index, roots_of_group=roots_of_group, groups=checkpoint.groups)
    if merkle.follow(seal.root, path) != checkpoint.root:
        raise SealBroken(f"checkpoint {checkpoint.number}: its seals have another root")
    return path
