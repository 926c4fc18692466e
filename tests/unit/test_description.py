"""The API's description: each operation says its answer, its refusals, its key and who may call it."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute

from services.billing.app import ROUTERS as BILLING
from services.fraud.app import ROUTERS as FRAUD
from services.gateway.app import ROUTERS as GATEWAY
from services.gateway.use_cases.platform import merged
from services.licensing.app import ROUTERS as LICENSING
from shared.doors.routing import TAKES_KEY
from shared.problems import kind_of
from tests.support.described import faults_of, whole_description

DOCUMENT = whole_description()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = [
    pytest.param(operation, id=f"{method.upper()} {path}")
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
ROUTERS: tuple[APIRouter, ...] = (*GATEWAY, *BILLING, *LICENSING, *FRAUD)


def _operation(path: str, method: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][path][method]
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_has_a_schema(operation: dict[str, Any]) -> None:
    answered = {status: told for status, told in operation["responses"].items() if status.startswith("2")}
    assert answered
    for status, told in answered.items():
        if status != "204":
            assert all(_says_something(content["schema"]) for content in told["content"].values()), status


def _says_something(schema: dict[str, Any]) -> bool:
    named = SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return bool(named.get("properties") or named.get("type") == "string")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_refusal_is_a_problem_document_with_its_codes(operation: dict[str, Any]) -> None:
    refused = {status: told for status, told in operation["responses"].items() if status[0] in "45d"}
    assert "default" in refused
    for status, told in refused.items():
        if "application/json" in told["content"]:
            continue  # /health's own 503
        schema = told["content"]["application/problem+json"]["schema"]
        assert "Problem" in str(schema)
        assert status == "default" or schema["allOf"][1]["properties"]["code"]["anyOf"][0]["enum"], status
    assert "500" not in refused


def _routes() -> Iterator[APIRoute]:
    for router in ROUTERS:
        yield from (route for route in router.routes if isinstance(route, APIRoute) and route.include_in_schema)


@pytest.mark.parametrize("route", list(_routes()), ids=lambda route: f"{sorted(route.methods)} {route.path}")
def test_what_runs_idempotently_takes_a_key_and_says_so(route: APIRoute) -> None:
    assert (route.openapi_extra or {}).get(TAKES_KEY) == ("idempotently(" in inspect.getsource(route.endpoint))
    told = _operation(route.path_format, next(iter(route.methods)).lower())
    headers = {each["name"] for each in told.get("parameters", ()) if each["in"] == "header"}
    assert ("Idempotency-Key" in headers) == bool((route.openapi_extra or {}).get(TAKES_KEY))


def test_what_changes_a_thing_names_no_defaults() -> None:
    bodies = [
        operations["patch"]["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for operations in DOCUMENT["paths"].values()
        if "patch" in operations
    ]
    assert "ChangeAccountBody" in bodies
    for name in (*bodies, "LimitsBody", "OperatorLimitsBody"):
        assert not [field for field, told in SCHEMAS[name]["properties"].items() if "default" in told], name


def test_defaults_in_credits_are_numbers() -> None:
    assert SCHEMAS["PriceBody"]["properties"]["per_call"]["default"] == 0
    assert SCHEMAS["CreateRouteBody"]["properties"]["max_hold"]["default"] > 0


def test_what_only_operators_may_do_says_so() -> None:
    refund = _operation("/api/v1/payments/{payment_id}/refund", "post")
    assert refund["description"].startswith("Operators only.")
    assert "operators" in refund["tags"]
    assert not _operation("/api/v1/payments", "get")["description"].startswith("Operators only.")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/admin/accounts/{account_id}/grants", "201"),
        ("/api/v1/admin/accounts/{account_id}/debits", "201"),
        ("/api/v1/admin/reconciliations", "201"),
        ("/api/v1/payment-methods/{card_id}/default", "200"),
    ],
)
def test_the_status_is_that_of_the_answer(path: str, status: str) -> None:
    assert [each for each in _operation(path, "post")["responses"] if each.startswith("2")] == [status]


def test_a_code_with_another_status_here_is_told_with_that() -> None:
    debit = _operation("/api/v1/admin/accounts/{account_id}/debits", "post")
    assert kind_of("insufficient_credits").status == 402
    assert "`insufficient_credits`" in debit["responses"]["409"]["description"]
    assert "402" not in debit["responses"]


def test_schemas_are_named_for_what_they_are() -> None:
    assert {"Payment", "PaymentPage", "Refund", "Money", "Problem"} <= set(SCHEMAS)
    assert not [name for name in SCHEMAS if not name.isalnum()]


def test_two_services_schemas_of_one_name_stay_two() -> None:
    def saying(kind: str) -> dict[str, Any]:
        schema = {"schema": {"$ref": "#/components/schemas/Thing"}}
        return {"paths": {f"/{kind}": {"get": schema}}, "components": {"schemas": {"Thing": {"type": kind}}}}

    both = merged(saying("object"), {"billing": saying("array"), "fraud": saying("object")})
    assert both["components"]["schemas"] == {"Thing": {"type": "object"}, "BillingThing": {"type": "array"}}
    assert both["paths"]["/array"]["get"]["schema"]["$ref"] == "#/components/schemas/BillingThing"
    assert both["paths"]["/object"]["get"]["schema"]["$ref"] == "#/components/schemas/Thing"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"kind": "b"}, "/kind is 'b', none of ['a']"),
        ({"at": "yesterday"}, "/at is no instant"),
        ({"many": True}, "/many is no integer"),
        ({"maybe": 3}, "/maybe is no string"),
        ({"other": 1}, "/other is not described"),
        ({"rows": [{}]}, "/rows/0/id is missing"),
    ],
)
def test_the_check_of_answers_finds_what_is_wrong(change: dict[str, object], fault: str) -> None:
    row = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a"]},
            "at": {"type": "string", "format": "date-time"},
            "many": {"type": "integer"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "rows": {"type": "array", "items": {"$ref": "#/components/schemas/Row"}},
        },
    }
    value = {"kind": "a", "at": "2027-01-31T12:00:00Z", "many": 1, "maybe": None, "rows": [{"id": "x"}], **change}
    found = list(faults_of({"components": {"schemas": {"Row": row}}}, schema, value))
    assert found == ([fault] if fault else [])
