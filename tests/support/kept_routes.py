"""What FastAPI makes of a route when an application includes it, made once a process.

A run of the tests makes some two thousand applications of the same few hundred routes, and FastAPI reads each route's
endpoint anew for each application: a tenth of a second of CPU a service. Nothing of an application's is in what it
makes, but where overrides of dependencies would come from, which nothing here uses.
"""

from dataclasses import replace
from typing import Any

from fastapi.routing import APIRoute
from fastapi.routing import _EffectiveRouteContext as Made

_KEPT = "_kept_for_the_next_application"
_make = Made.from_api_route


def _made_once(*, original_route: APIRoute, include_context: Any) -> Made:
    """Kept with its route, and used again where it would be included in the same way."""
    way = replace(include_context, dependency_overrides_provider=None)
    kept: list[tuple[Any, Made]] = original_route.__dict__.setdefault(_KEPT, [])
    found = next((made for included, made in kept if included == way), None)
    if found is None:
        found = _make(original_route=original_route, include_context=include_context)
        kept.append((way, found))
    return found


def keep() -> None:
    """From now on, in this process."""
    Made.from_api_route = staticmethod(_made_once)  # type: ignore[method-assign,assignment]
