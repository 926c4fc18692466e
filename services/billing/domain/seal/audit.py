"""Proving the seal: every root, link and signature recomputed in one pass, with a bounded memory.

Feed the seals in order, each with the leaves that the book has in its place, and each checkpoint after its last seal.
After a difference it goes on from what is recorded, so that one fault is told once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from services.billing.domain.seal import merkle
from services.billing.domain.seal.chain import GENESIS, Seal, link_of
from services.billing.domain.seal.checkpoint import GROUP, Checkpoint, Signer, statement_of

MOST_DIFFERENCES = 100

What = Literal["seal_root", "seal_chain", "checkpoint_root", "checkpoint_signature", "unsealed"]


@dataclass(frozen=True, slots=True)
class SealDifference:
    """One thing that does not hold. `number` is the seal's or the checkpoint's; of `unsealed`, the last seal's."""

    what: What
    number: int
    recorded: str
    recomputed: str


@dataclass(frozen=True, slots=True)
class SealProof:
    """The outcome. At most `MOST_DIFFERENCES` are listed."""

    differences: tuple[SealDifference, ...]
    seals: int
    checkpoints: int
    transfers: int

    @property
    def sealed(self) -> bool:
        """Whether everything up to the last seal holds, and nothing has waited too long for it."""
        return not self.differences


@dataclass(slots=True)
class SealAuditor:
    """Lives for one pass over one snapshot."""

    signer: Signer
    differences: list[SealDifference] = field(default_factory=list)
    seals: int = 0
    checkpoints: int = 0
    transfers: int = 0
    _before: Seal = GENESIS
    _last_checkpoint: int = 0
    _first_seal: int = 1
    _previous_root: bytes = GENESIS.root
    _groups: list[bytes] = field(default_factory=list)
    _group: list[bytes] = field(default_factory=list)

    def check_seal(self, seal: Seal, leaves: Sequence[bytes]) -> None:
        """Compare a seal with the transfers that lie between its predecessor's place and its own."""
        self.seals += 1
        self.transfers += len(leaves)
        root = merkle.root(leaves) if leaves else b""
        if root != seal.root or len(leaves) != seal.leaves:
            self._differ("seal_root", seal.number, seal.root, root)
        link = link_of(seal, before=self._before.chain)
        if link != seal.chain or seal.number != self._before.number + 1 or seal.last <= self._before.last:
            self._differ("seal_chain", seal.number, seal.chain, link)
        self._before = seal
        self._collect(seal.root)

    def check_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Compare a checkpoint with the seals since the last one, of which it covers the newest that was checked."""
        self.checkpoints += 1
        groups = [*self._groups, *([merkle.root(self._group)] if self._group else [])]
        root = merkle.root(groups) if groups else b""
        if root != checkpoint.root:
            self._differ("checkpoint_root", checkpoint.number, checkpoint.root, root)
        elif not (self._is_in_place(checkpoint, groups) and self._is_signed(checkpoint)):
            self._differ("checkpoint_signature", checkpoint.number, checkpoint.signature, b"")
        self._last_checkpoint, self._first_seal = checkpoint.number, checkpoint.last_seal + 1
        self._previous_root, self._groups, self._group = checkpoint.root, [], []

    def tell_unsealed(self) -> None:
        """Something was committed too long ago and is not sealed."""
        self._differ("unsealed", self._before.number, b"", b"")

    def proof(self) -> SealProof:
        return SealProof(tuple(self.differences), self.seals, self.checkpoints, self.transfers)

    def _collect(self, root: bytes) -> None:
        self._group.append(root)
        if len(self._group) == GROUP:
            self._groups.append(merkle.root(self._group))
            self._group = []

    def _is_in_place(self, checkpoint: Checkpoint, groups: Sequence[bytes]) -> bool:
        place = (checkpoint.number, checkpoint.first_seal, checkpoint.last_seal)
        return place == (self._last_checkpoint + 1, self._first_seal, self._before.number) and (
            checkpoint.groups == tuple(groups)
        )

    def _is_signed(self, checkpoint: Checkpoint) -> bool:
        expected = statement_of(
            number=checkpoint.number,
            first_seal=checkpoint.first_seal,
            last_seal=checkpoint.last_seal,
            root=checkpoint.root,
            previous=self._previous_root,
            chain=self._before.chain,
            signed_at=checkpoint.signed_at,
        )
        return expected == checkpoint.statement and self.signer.believes(
            statement=expected, signature=checkpoint.signature, kid=checkpoint.kid
        )

    def _differ(self, what: What, number: int, recorded: bytes, recomputed: bytes) -> None:
        if len(self.differences) < MOST_DIFFERENCES:
            self.differences.append(SealDifference(what, number, recorded.hex(), recomputed.hex()))
