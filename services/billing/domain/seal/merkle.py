"""Merkle trees in the shape of RFC 6962, section 2.1: inner nodes are SHA-256 of 0x01 and both children.

Nodes come in hashed already. Where a level has an odd node at its end, it rises unchanged and is never doubled: the
same tree as the RFC's split at the largest power of two, so subtrees of aligned powers of two are nodes of the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

HASH_BYTES = 32
NODE = b"\x01"


@dataclass(frozen=True, slots=True)
class Step:
    """A sibling on the way up, and on which side of us it stands."""

    side: Literal["left", "right"]
    hash: bytes


def root(nodes: Sequence[bytes]) -> bytes:
    """The root over at least one node; of a single one, that node."""
    assert nodes
    while len(nodes) > 1:
        nodes = _parents(nodes)
    return nodes[0]


def path(nodes: Sequence[bytes], index: int) -> list[Step]:
    """The way from one of the nodes up to `root(nodes)`."""
    assert 0 <= index < len(nodes)
    steps = []
    while len(nodes) > 1:
        sibling = index ^ 1
        if sibling < len(nodes):
            steps.append(Step("left" if sibling < index else "right", nodes[sibling]))
        nodes, index = _parents(nodes), index >> 1
    return steps


def follow(node: bytes, steps: Sequence[Step]) -> bytes:
    """Where a path leads from a node."""
    for step in steps:
        pair = step.hash + node if step.side == "left" else node + step.hash
        node = sha256(NODE + pair).digest()
    return node


def split(joined: bytes) -> list[bytes]:
    """Hashes that stand behind each other."""
    assert len(joined) % HASH_BYTES == 0
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


def _parents(nodes: Sequence[bytes]) -> Sequence[bytes]:
    """The hot loop of sealing: one hash for each pair."""
    risen = nodes[-1:] if len(nodes) & 1 else ()
    return [sha256(NODE + left + right).digest() for left, right in zip(nodes[::2], nodes[1::2], strict=False)] + [
        *risen
    ]
