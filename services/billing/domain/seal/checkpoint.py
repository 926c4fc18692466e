"""Checkpoints: signed statements over all seals since the last one (Ed25519, RFC 8032).

The root is of one Merkle tree over the seals' roots. The roots of each 1,024 seals are kept (`groups`), which are inner
nodes of that tree, so that a proof needs to read no more than 1,024 seals of a day.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.billing.domain.seal import merkle
from services.billing.domain.seal.merkle import Step

GROUP = 1_024
_KID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Covers the seals from `first_seal` to `last_seal`. `statement` is the text that was signed."""

    number: int
    first_seal: int
    last_seal: int
    root: bytes
    groups: tuple[bytes, ...]
    statement: str
    signature: bytes
    kid: str
    signed_at: datetime


@dataclass(frozen=True)
class Signer:
    """Signs with one key; believes it and those that were retired. Its repr shows no secret."""

    private: Ed25519PrivateKey
    retired: tuple[bytes, ...] = ()

    @property
    def kid(self) -> str:
        return kid_of(self._public)

    @property
    def public_keys(self) -> dict[str, bytes]:
        """Every key that a checkpoint may be signed with, by its kid; today's first."""
        return {kid_of(key): key for key in (self._public, *self.retired)}

    def sign(self, statement: str) -> bytes:
        return self.private.sign(statement.encode())

    def believes(self, *, statement: str, signature: bytes, kid: str) -> bool:
        """Whether one of our keys signed exactly this."""
        key = self.public_keys.get(kid)
        if key is None:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, statement.encode())
        except InvalidSignature:
            return False
        return True

    @property
    def _public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()


def signer(seed: bytes, retired: Sequence[bytes] = ()) -> Signer:
    """From the key's 32-byte seed, and the public keys of its predecessors."""
    return Signer(Ed25519PrivateKey.from_private_bytes(seed), tuple(retired))


def kid_of(public_key: bytes) -> str:
    """A key's name: the head of its SHA-256."""
    return sha256(public_key).hexdigest()[:_KID_CHARACTERS]


def groups_of(roots: Sequence[bytes]) -> list[bytes]:
    """The roots of each 1,024 seals; the last group may be smaller."""
    return [merkle.root(roots[at : at + GROUP]) for at in range(0, len(roots), GROUP)]


def path_of(*, index: int, roots_of_group: Sequence[bytes], groups: Sequence[bytes]) -> list[Step]:
    """The way from the checkpoint's seal at `index` up to its root, given the roots of its group's seals."""
    return merkle.path(roots_of_group, index % GROUP) + merkle.path(groups, index // GROUP)


def statement_of(
    *, number: int, first_seal: int, last_seal: int, root: bytes, previous: bytes, chain: bytes, signed_at: datetime
) -> str:
    """The signed text. `previous` is the last checkpoint's root (zeros before the first), `chain` the last seal's
    link."""
    lines = (
        "tollgate ledger checkpoint 1",
        f"number: {number}",
        f"seals: {first_seal}-{last_seal}",
        f"root: {root.hex()}",
        f"previous: {previous.hex()}",
        f"chain: {chain.hex()}",
        f"signed_at: {signed_at.isoformat()}",
    )
    return "".join(f"{line}\n" for line in lines)
