"""The trees agree with RFC 6962's own recursive definition, and no path holds for anything but its leaf."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.seal import merkle
from services.billing.domain.seal.checkpoint import groups_of, path_of
from services.billing.domain.seal.merkle import Step


def leaves(count: int) -> list[bytes]:
    return [sha256(b"\0" + bytes([number])).digest() for number in range(count)]


def plain_root(nodes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(nodes) == 1:
        return nodes[0]
    k = largest_power_under(len(nodes))
    return sha256(b"\1" + plain_root(nodes[:k]) + plain_root(nodes[k:])).digest()


def plain_path(nodes: list[bytes], m: int) -> list[Step]:
    """RFC 6962, section 2.1.1, word for word."""
    if len(nodes) == 1:
        return []
    k = largest_power_under(len(nodes))
    if m < k:
        return [*plain_path(nodes[:k], m), Step("right", plain_root(nodes[k:]))]
    return [*plain_path(nodes[k:], m - k), Step("left", plain_root(nodes[:k]))]


def largest_power_under(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


@pytest.mark.parametrize("count", range(1, 71))
def test_roots_and_paths_are_those_of_the_rfc(count: int) -> None:
    nodes = leaves(count)
    assert merkle.root(nodes) == plain_root(nodes)
    for index in range(count):
        path = merkle.path(nodes, index)
        assert path == plain_path(nodes, index)
        assert merkle.follow(nodes[index], path) == plain_root(nodes)


@given(count=st.integers(2, 70), data=st.data())
def test_a_path_holds_for_nothing_else(count: int, data: st.DataObject) -> None:
    nodes, root = leaves(count), merkle.root(leaves(count))
    index = data.draw(st.integers(0, count - 1))
    path = merkle.path(nodes, index)
    step = data.draw(st.integers(0, len(path) - 1))
    bit = data.draw(st.integers(0, 255))
    assert merkle.follow(flipped(nodes[index], bit), path) != root
    changed = [*path[:step], Step(path[step].side, flipped(path[step].hash, bit)), *path[step + 1 :]]
    assert merkle.follow(nodes[index], changed) != root
    other_side = Step("left" if path[step].side == "right" else "right", path[step].hash)
    assert merkle.follow(nodes[index], [*path[:step], other_side, *path[step + 1 :]]) != root
    assert merkle.follow(nodes[index], [*path[:step], *path[step + 1 :]]) != root


@given(count=st.integers(1, 70), data=st.data())
def test_any_changed_left_out_or_added_leaf_changes_the_root(count: int, data: st.DataObject) -> None:
    nodes, root = leaves(count), merkle.root(leaves(count))
    index = data.draw(st.integers(0, count - 1))
    changed = flipped(nodes[index], data.draw(st.integers(0, 255)))
    assert merkle.root([*nodes[:index], changed, *nodes[index + 1 :]]) != root
    assert merkle.root([*nodes[: index + 1], nodes[index], *nodes[index + 1 :]]) != root
    if count > 1:
        assert merkle.root([*nodes[:index], *nodes[index + 1 :]]) != root


@pytest.mark.parametrize("count", [1, 1_023, 1_024, 1_025, 2_048, 2_500])
def test_a_checkpoint_over_groups_is_one_tree_over_all_seals(count: int) -> None:
    roots = [sha256(number.to_bytes(4, "big")).digest() for number in range(count)]
    groups = groups_of(roots)
    assert merkle.root(groups) == merkle.root(roots)
    for index in {0, count // 2, count - 1, min(1_024, count - 1)}:
        first = index - index % 1_024
        path = path_of(index=index, roots_of_group=roots[first : first + 1_024], groups=groups)
        assert merkle.follow(roots[index], path) == merkle.root(roots)


def flipped(value: bytes, bit: int) -> bytes:
    return (int.from_bytes(value, "big") ^ (1 << bit)).to_bytes(len(value), "big")
