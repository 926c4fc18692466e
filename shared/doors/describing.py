"""What the API's description says alike of every operation: its refusals as problem documents (RFC 9457) with their
codes, `Idempotency-Key`, and who may ask. FastAPI tells of paths, parameters, bodies and answers; the rest a route says
by `guarded`, `refuses` and `takes_idempotency_key`.
"""

import copy
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from shared.description import renamed_references
from shared.doors.routing import REFUSALS, TAKES_KEY
from shared.problems import is_known, kind_of

Description = dict[str, Any]

SESSION_OR_KEY: Description = {"security": [{"session": []}, {"key": []}]}
"""For `openapi_extra`, of what an API key opens too."""

_PAGE = re.compile(r"Page_(\w+?)_")
_SUFFIX = re.compile(r"(View|Wire)(?=(Page)?$)")
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
_OF_A_KEY = ("invalid_idempotency_key", "idempotency_in_progress", "idempotency_key_reused")
_KEY: Description = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 visible ASCII characters. The same key with the same body: the first answer again, with"
    " `Idempotent-Replayed: true`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_PROBLEM: Description = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). `code` is stable; some codes add members of their own.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For a person."},
        "instance": {"type": "string", "description": "The request's path."},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "With `validation_failed`: what is wrong, and where.",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
    "additionalProperties": True,
}


def described(app: FastAPI) -> Description:
    """The application's OpenAPI document. AssertionError for a code that nobody registered."""
    document = copy.deepcopy(app.openapi())
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete(operation)
    return _with_plain_names(document)


def _complete(operation: Description) -> None:
    said, takes_key = operation.pop(REFUSALS, {}), operation.pop(TAKES_KEY, False)
    if takes_key:
        operation.setdefault("parameters", []).append(_KEY)
    codes = {**said, **dict.fromkeys(_codes_of_shape(operation, takes_key=takes_key), 0)}
    if "unauthenticated" in codes:
        operation.setdefault("security", [{"session": []}])
    if "forbidden" in codes:
        operation["description"] = f"Operators only. {operation.get('description', '')}".rstrip()
    operation["responses"].pop("422", None)
    operation["responses"].update(_refusals(codes))


def _codes_of_shape(operation: Description, *, takes_key: bool) -> Iterator[str]:
    in_query = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"}
    if in_query:
        yield "validation_failed"
    if "after" in in_query:
        yield "invalid_cursor"
    if takes_key:
        yield from _OF_A_KEY


def _refusals(codes: Mapping[str, int]) -> dict[str, Description]:
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for code, status in codes.items():
        assert is_known(code), f"{code} is registered by nobody"
        by_status[status or kind_of(code).status].append(code)
    told = {str(status): _refusal(by_status[status]) for status in sorted(by_status)}
    return {**told, "default": _problem_document("Any other refusal.", {"$ref": "#/components/schemas/Problem"})}


def _refusal(codes: list[str]) -> Description:
    """The codes that an operation knows of; what stands before it (a proxy, an outage) may add others."""
    code = {"anyOf": [{"type": "string", "enum": codes}, {"type": "string"}]}
    schema = {"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"code": code}}]}
    return _problem_document(", ".join(f"`{code}`" for code in codes), schema)


def _problem_document(description: str, schema: Description) -> Description:
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _with_plain_names(document: Description) -> Description:
    """Schemas named for what they are: `Payment` for `PaymentView`, `PaymentPage` for a page of them."""
    schemas = document["components"]["schemas"]
    names = {name: _SUFFIX.sub("", _PAGE.sub(r"\1Page", name)) for name in schemas}
    assert len(set(names.values())) == len(names), "two schemas have one name"
    document["components"]["schemas"] = {names[name]: {**body, "title": names[name]} for name, body in schemas.items()}
    renamed: Description = renamed_references(document, {_at(old): _at(new) for old, new in names.items()})
    return renamed


def _at(name: str) -> str:
    return f"#/components/schemas/{name}"
