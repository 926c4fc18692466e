"""The platform as a whole, as its siblings tell of themselves: one health report, one API description."""

import asyncio
import shutil
from collections.abc import Mapping
from typing import Any

import psutil

from services.gateway.service import Gateway
from shared.description import renamed_references
from shared.health import Check, redis_answers, report
from shared.http_client import ServiceClient, SiblingUnavailable

LEAST_FREE_BYTES = 256 * 1024 * 1024
MOST_MEMORY_PERCENT = 95
_DEADLINE_SECONDS = 2.0
_AT = "#/components/schemas/"

Description = dict[str, Any]


def _problem(description: str) -> Description:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": _AT + "Problem"}}},
    }


_PAID_CALL: dict[str, Any] = {
    "summary": "A paid call",
    "description": "Any method. The key, its limits and the credits are checked, the call is charged and forwarded to"
    " the route's upstream; the answer is the upstream's own with `X-Credits-Charged` and `X-Credits-Remaining`.",
    "tags": ["paid API"],
    "security": [{"key": []}],
    "parameters": [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in ("route", "path")
    ],
    "responses": {
        "200": {
            "description": "The upstream's answer, whatever it is.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        "402": _problem("`insufficient_credits` or `account_frozen`; nothing was forwarded."),
        "429": _problem("`rate_limited`; see `Retry-After`."),
        "default": _problem("Any other refusal of ours, or an answer of the upstream's that is one."),
    },
}
_METHODS = ("get", "post", "put", "patch", "delete")
_SECURITY = {
    "session": {"type": "http", "scheme": "bearer", "description": "A session's token, `tgs_...`, from login."},
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `tg_live_...`; `X-API-Key` too."},
}


async def health(service: Gateway) -> tuple[int, dict[str, Any]]:
    """The gateway's own needs, its siblings' health (billing's knows Stripe's), and the machine's room."""
    checks: dict[str, Check] = {
        "database": service.database.answers,
        "redis": lambda: redis_answers(service.redis),
        "memory": _memory_is_free,
        "disk": _disk_is_free,
    }
    siblings = {"billing": service.billing, "licensing": service.licensing, "fraud": service.fraud}
    (status, body), *reports = await asyncio.gather(
        report("gateway", checks), *(_sibling_health(client) for client in siblings.values())
    )
    body["services"] = dict(zip(siblings, reports, strict=True))
    if body["status"] == "ok" and any(sibling["status"] != "ok" for sibling in reports):
        body["status"] = "degraded"
    return status, body


async def _sibling_health(client: ServiceClient) -> dict[str, Any]:
    try:
        answered = await client.http.get("/health", timeout=_DEADLINE_SECONDS)
        body = answered.json()
        return {"status": body["status"], "checks": body["checks"]}
    except Exception:  # noqa: BLE001 - whatever a sick sibling answers, the report says that it is sick
        return {"status": "down", "checks": {}}


async def _memory_is_free() -> bool:
    return bool(psutil.virtual_memory().percent < MOST_MEMORY_PERCENT)


async def _disk_is_free() -> bool:
    return shutil.disk_usage("/").free > LEAST_FREE_BYTES


async def described(service: Gateway, own: Description) -> Description:
    """One OpenAPI document: the gateway's own paths, those that it forwards, and the paid call."""
    siblings = {"billing": service.billing, "licensing": service.licensing, "fraud": service.fraud}
    theirs = await asyncio.gather(*(_sibling_description(client) for client in siblings.values()))
    document = merged(own, dict(zip(siblings, theirs, strict=True)))
    document["paths"]["/proxy/{route}/{path}"] = {
        method: {**_PAID_CALL, "operationId": f"paid_call_{method}"} for method in _METHODS
    }
    document["components"]["securitySchemes"] = _SECURITY
    return document


async def _sibling_description(client: ServiceClient) -> Description:
    try:
        answered = await client.get("/internal/v1/openapi", deadline_seconds=_DEADLINE_SECONDS)
    except SiblingUnavailable:
        return {}
    return dict(answered.json()) if answered.status_code == 200 else {}


def merged(own: Description, siblings: Mapping[str, Description]) -> Description:
    """`own` with the siblings' paths and schemas. A sibling's schema keeps its name unless another schema has it; then
    it bears the sibling's before its own."""
    result: Description = {**own, "paths": dict(own.get("paths", {}))}
    schemas = dict(own.get("components", {}).get("schemas", {}))
    for sibling, theirs in siblings.items():
        described = theirs.get("components", {}).get("schemas", {})
        names = {name: _free_name(name, body, schemas, sibling) for name, body in described.items()}
        references = {_AT + name: _AT + named for name, named in names.items()}
        for path, operations in theirs.get("paths", {}).items():
            result["paths"].setdefault(path, {}).update(renamed_references(operations, references))
        schemas |= {names[name]: renamed_references(body, references) for name, body in described.items()}
    result["components"] = {**own.get("components", {}), "schemas": schemas}
    result["paths"] = dict(sorted(result["paths"].items()))
    return result


def _free_name(name: str, body: Description, taken: Mapping[str, Description], sibling: str) -> str:
    return name if taken.get(name, body) == body else f"{sibling.title()}{name}"
