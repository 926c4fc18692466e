"""The client asks for what the platform describes: its paths, its bodies' members, its keys; and what the client's
types promise stands in the described answers."""

import inspect
import json
import re
import typing
from functools import cache
from typing import Any

import pytest
from fastapi import FastAPI

from services.billing.app import ROUTERS as BILLING
from services.fraud.app import ROUTERS as FRAUD
from services.gateway.app import ROUTERS as GATEWAY
from services.licensing.app import ROUTERS as LICENSING
from services.licensing.domain.verdict import Code as PlatformsCode
from shared.doors.describing import Description, described
from tests.support.described import whole_description
from tollgate_client.calls import Call, Listing
from tollgate_client.operations import Operations
from tollgate_client.seen import Collection, Operation
from tollgate_client.verdict import GRANTING, Code

OF_THE_PROXY = {"call"}
ARGUMENTS: dict[str, Any] = {
    "credits": 5000,
    "enabled": True,
    "threshold": 1,
    "monthly_cap": 1,
    "limits": {"per_minute": 1},
    "scopes": ["proxy"],
    "allowed_ips": ["10.0.0.0/8"],
    "overlap_seconds": 1,
    "ttl_seconds": 60,
    "encrypted": True,
    "at_period_end": True,
    "save_card": True,
    "page_size": 7,
    "group_by": "day",
}
OPERATIONS = [
    pytest.param(name, each, id=name)
    for name, each in vars(Operations).items()
    if isinstance(each, Operation | Collection) and name not in OF_THE_PROXY
]


@cache
def documents() -> list[Description]:
    """What each service says of itself."""
    whole_description()  # makes every problem code known
    found = []
    for routers in (GATEWAY, BILLING, LICENSING, FRAUD):
        app = FastAPI(openapi_url=None)
        for router in routers:
            app.include_router(router)
        found.append(described(app))
    return found


def outgoing_of(operation: Any) -> Any:
    """With every argument given."""
    names = inspect.signature(operation._make).parameters
    made = operation._make(**{name: ARGUMENTS.get(name, "id_1") for name in names})
    return (made.page("id_0") if isinstance(made, Listing) else made).outgoing


def described_as(outgoing: Any) -> tuple[Description, Description]:
    """The document and the operation in it; literal paths go before those with a name in them."""
    for document in documents():
        for path in sorted(document["paths"], key=lambda each: each.count("{")):
            operation = document["paths"][path].get(outgoing.method.lower())
            if operation is not None and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), outgoing.path):
                return document, operation
    raise AssertionError(f"{outgoing.method} {outgoing.path} is not described")


def resolved(document: Description, schema: Description) -> Description:
    for branch in schema.get("anyOf", ()):
        if branch.get("type") != "null":
            return resolved(document, branch)
    return document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_what_is_sent_is_what_the_platform_takes(name: str, operation: Any) -> None:
    outgoing = outgoing_of(operation)
    document, told = described_as(outgoing)
    parameters = {each["name"] for each in told.get("parameters", ())}
    assert set(outgoing.params) <= parameters
    assert ("Idempotency-Key" in outgoing.headers) == ("Idempotency-Key" in parameters)
    if outgoing.content is None:
        assert not told.get("requestBody", {}).get("required")
        return
    body = resolved(document, told["requestBody"]["content"]["application/json"]["schema"])
    assert set(json.loads(outgoing.content)) <= set(body["properties"])
    assert set(body.get("required", ())) <= set(json.loads(outgoing.content))


@pytest.mark.parametrize(("name", "operation"), OPERATIONS)
def test_what_the_types_promise_is_answered(name: str, operation: Any) -> None:
    document, told = described_as(outgoing_of(operation))
    made = typing.get_type_hints(operation._make)["return"]
    (view,) = typing.get_args(made)
    if view is type(None):
        assert "204" in told["responses"]
        return
    success = next(answer for status, answer in sorted(told["responses"].items()) if status in ("200", "201"))
    schema = resolved(document, success["content"]["application/json"]["schema"])
    if typing.get_origin(made) is Listing:
        schema = resolved(document, schema["properties"]["data"]["items"])
    else:
        assert typing.get_origin(made) is Call
    assert view.__required_keys__ <= set(schema["properties"])
    assert view.__annotations__.keys() <= set(schema["properties"]) | {"status", "rate"}


def test_every_code_of_the_platforms_verdicts_is_known() -> None:
    assert {code.value for code in PlatformsCode} <= {code.value for code in Code}
    assert {Code.VALID, Code.GRACE} == GRANTING
