"""The house keeps its walls."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MONEY = sorted(
    path
    for pattern in ("services/*/domain/**/*.py", "services/billing/**/*.py", "shared/money.py")
    for path in ROOT.glob(pattern)
    if "services/fraud/" not in path.as_posix() and path != ROOT / "services/billing/domain/score.py"
)
"""Fraud moves no money: its figures are ratios, distances and risks, and its score goes out as a number."""


def test_imports_keep_to_their_rooms() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", MONEY, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_float_touches_money(path: Path) -> None:
    """No float is made where money is: no call of float, no true division."""
    found = [
        f"line {node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float")
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
    ]
    assert not found, found
