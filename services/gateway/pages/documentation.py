"""The API's description as a page, from its own OpenAPI document."""

from collections import defaultdict
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.pages.rendering import page
from services.gateway.use_cases import platform
from shared.doors.describing import described

router = APIRouter(include_in_schema=False)

_METHODS = ("get", "post", "put", "patch", "delete")


@router.get("/docs")
async def docs(request: Request) -> Response:
    document = await platform.described(request.app.state.service, described(request.app))
    return page("docs.html", tags=by_tag(document))


def by_tag(document: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Operations under their first tag, both in alphabetical order."""
    tags: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                operation = methods[method]
                tag = (operation.get("tags") or ["more"])[0]
                tags[tag].append(_shown(document, path, method, operation))
    return sorted(tags.items())


def _shown(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "path": path,
        "method": method.upper(),
        "summary": operation.get("summary", ""),
        "fields": _fields(document, operation),
    }


def _fields(document: dict[str, Any], operation: dict[str, Any]) -> list[str]:
    """The body's fields; an optional one ends in `?`."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    reference = schema.get("$ref", "").removeprefix("#/components/schemas/")
    body = document["components"]["schemas"].get(reference, {})
    needed = set(body.get("required", ()))
    return [name if name in needed else f"{name}?" for name in body.get("properties", {})]
