"""The list of guards fits the code: each stands where it says, once, and its tests are there."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from tests.mutations.__main__ import failed_test
from tests.mutations.guard import Guard
from tests.mutations.guards import GUARDS

ROOT = Path(__file__).resolve().parents[2]
each = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)


def named_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@each
def test_a_guard_stands_once_and_something_sound_stands_without_it(guard: Guard) -> None:
    source = (ROOT / guard.file).read_text("utf-8")
    without = guard.source_without(source)
    assert without != source
    if guard.file.endswith(".py"):
        compile(without, guard.file, "exec")


@each
def test_its_tests_are_there(guard: Guard) -> None:
    assert guard.tests
    for test in guard.tests:
        file, _, name = test.partition("::")
        assert name.partition("[")[0] in named_in(ROOT / file), test


def test_no_two_guards_have_one_name() -> None:
    assert Counter(guard.name for guard in GUARDS).most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    ("line", "failed"),
    [
        ("FAILED tests/a.py::test_b - assert 1 == 2", ("tests/a.py::test_b", "assert 1 == 2")),
        (
            "FAILED tests/a.py::test_b[two words] - KeyError: 'a - b'",
            ("tests/a.py::test_b[two words]", "KeyError: 'a - b'"),
        ),
        ("FAILED tests/a.py::test_b[two words]", ("tests/a.py::test_b[two words]", "failed")),
        ("ERROR tests/a.py::test_b - fixture 'x' not found", None),
    ],
)
def test_a_failed_test_is_seen_whatever_its_id(line: str, failed: tuple[str, str] | None) -> None:
    assert failed_test(f"=== short test summary info ===\n{line}\n1 failed in 0.1s\n") == failed
