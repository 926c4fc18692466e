"""Every public path of a sibling's is forwarded to it, behind the guard that its description speaks of."""

from typing import Any

import pytest
from starlette.routing import compile_path

from services.gateway.api.forwarding import FORWARDED, Forwarded, brought_by_us, open_to_all, session_if_said
from services.gateway.api.guards import operator_required
from tests.support.described import Service, description_of

_SIBLINGS: tuple[Service, ...] = ("billing", "licensing", "fraud")
_OPEN = (open_to_all, brought_by_us, session_if_said)
_ELSEWHERE = ("/api/webhooks/stripe", "/webhook/stripe", "/api/v1/admin/audit")
"""What the gateway brings by a door of its own."""


def _operations() -> list[Any]:
    return [
        pytest.param(sibling, path, operation, id=f"{method.upper()} {path}")
        for sibling in _SIBLINGS
        for path, operations in description_of(sibling)["paths"].items()
        for method, operation in operations.items()
        if path.startswith("/api/") and path not in _ELSEWHERE
    ]


def _way_of(path: str) -> Forwarded | None:
    """The first that matches, as the router has it."""
    named = path.replace("{", "").replace("}", "")
    return next((way for way in FORWARDED if compile_path(way.path)[0].fullmatch(named)), None)


@pytest.mark.parametrize(("sibling", "path", "operation"), _operations())
def test_public_path_is_forwarded_behind_its_guard(sibling: str, path: str, operation: dict[str, Any]) -> None:
    way = _way_of(path)
    assert way is not None, "nobody forwards it"
    assert way.sibling == sibling
    assert (way.guard is operator_required) == path.startswith("/api/v1/admin/")
    if "security" not in operation:
        assert way.guard in _OPEN
    elif way.guard is not session_if_said:
        assert way.guard not in _OPEN
