"""Answers held to the API's description: every answer of a described operation has a described status, and a body that
is as its schema says. The schemas are read as they stand in the OpenAPI document, by the part of JSON Schema that
they use."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import httpx
from fastapi import APIRouter, FastAPI

import services.billing.api.refusals
import services.fraud.api  # noqa: F401  both make their codes known
from services.billing.app import ROUTERS as BILLING
from services.fraud.app import ROUTERS as FRAUD
from services.gateway.api import problems
from services.gateway.app import ROUTERS as GATEWAY
from services.gateway.use_cases.platform import merged
from services.licensing.app import ROUTERS as LICENSING
from shared.doors.describing import Description, described

Service = Literal["gateway", "billing", "licensing", "fraud"]

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@cache
def description_of(service: Service) -> Description:
    """What one service says of itself."""
    problems.register()
    routers: dict[Service, list[APIRouter]] = {
        "gateway": list(GATEWAY),
        "billing": list(BILLING),
        "licensing": list(LICENSING),
        "fraud": list(FRAUD),
    }
    app = FastAPI(openapi_url=None)
    for router in routers[service]:
        app.include_router(router)
    return described(app)


@cache
def whole_description() -> Description:
    """As the gateway serves it, without the paid call."""
    return merged(description_of("gateway"), {name: description_of(name) for name in ("billing", "licensing", "fraud")})


def held_to(service: Service) -> dict[str, list[Any]]:
    """`event_hooks` of an httpx client that talks to this service: an answer that is not as described fails there."""

    async def check(response: httpx.Response) -> None:
        faults = list(await _faults(description_of(service), response))
        assert not faults, f"{response.request.method} {response.request.url.path}: {faults}"

    return {"response": [check]}


async def _faults(document: Description, response: httpx.Response) -> Iterator[str]:
    operation = _operation(document, response.request)
    media = response.headers.get("content-type", "").partition(";")[0]
    if operation is None or not media.endswith("json"):
        return iter(())
    await response.aread()
    responses = operation["responses"]
    status = str(response.status_code)
    if status not in responses and response.is_success:
        return iter([f"status {status} is not described"])
    content = responses.get(status, responses["default"])["content"]
    if media not in content:
        return iter([f"{status} as {media} is not described"])
    return faults_of(document, content[media]["schema"], response.json())


def _operation(document: Description, request: httpx.Request) -> Description | None:
    for path, operations in document["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), request.url.path):
            found: Description | None = operations.get(request.method.lower())
            return found
    return None


def faults_of(document: Description, schema: Description, value: object, at: str = "") -> Iterator[str]:
    """Where a value is not as the schema says; nothing where it is."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        branches = [list(faults_of(document, each, value, at)) for each in schema["anyOf"]]
        yield from [] if [] in branches else min(branches, key=len)
    for each in schema.get("allOf", ()):
        yield from faults_of(document, each, value, at)
    yield from _of_scalar(schema, value, at)
    if isinstance(value, dict):
        yield from _of_object(document, schema, value, at)
    if isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from faults_of(document, schema["items"], item, f"{at}/{index}")


def _of_scalar(schema: Description, value: object, at: str) -> Iterator[str]:
    named = schema.get("type")
    if named is not None and (not isinstance(value, _TYPES[named]) or (isinstance(value, bool) and named != "boolean")):
        yield f"{at} is no {named}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at} is {value!r}, none of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{at} is {value!r}, not {schema['const']!r}"
    if schema.get("format") == "date-time" and isinstance(value, str) and not _INSTANT.fullmatch(value):
        yield f"{at} is no instant"


def _of_object(document: Description, schema: Description, value: dict[str, object], at: str) -> Iterator[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    yield from (f"{at}/{name} is missing" for name in schema.get("required", ()) if name not in value)
    for name, member in value.items():
        if name in properties:
            yield from faults_of(document, properties[name], member, f"{at}/{name}")
        elif isinstance(others, dict):
            yield from faults_of(document, others, member, f"{at}/{name}")
        elif not others and "type" in schema:
            yield f"{at}/{name} is not described"
