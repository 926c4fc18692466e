"""Every public path of a sibling's is forwarded to it, behind the guard that its description speaks of."""

from collections.abc import Iterator
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


def _operations(sibling: Service) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Asked for by the test itself, not while tests are collected: to describe a service takes a second."""
    for path, operations in description_of(sibling)["paths"].items():
        if path.startswith("/api/") and path not in _ELSEWHERE:
            yield from ((method.upper(), path, operation) for method, operation in operations.items())


def _way_of(path: str) -> Forwarded | None:
    """The first that matches, as the router has it."""
    named = path.replace("{", "").replace("}", "")
    return next((way for way in FORWARDED if compile_path(way.path)[0].fullmatch(named)), None)


@pytest.mark.parametrize("sibling", _SIBLINGS)
def test_public_paths_are_forwarded_behind_their_guards(sibling: Service) -> None:
    for method, path, operation in _operations(sibling):
        way = _way_of(path)
        assert way is not None, f"nobody forwards {method} {path}"
        assert way.sibling == sibling, (method, path)
        assert (way.guard is operator_required) == path.startswith("/api/v1/admin/"), (method, path)
        if "security" not in operation:
            assert way.guard in _OPEN, (method, path)
        elif way.guard is not session_if_said:
            assert way.guard not in _OPEN, (method, path)
