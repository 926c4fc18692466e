"""The sandbox's operations, as it declares them, are Stripe's: path by path, parameter by parameter.

It may take less than Stripe (and then refuses in plain words), never more, and never other words or kinds of values.
"""

import re
from collections.abc import Iterator

import pytest

from deploy.stripe_sandbox.api.dispatch import OPERATIONS
from deploy.stripe_sandbox.api.operation import Operation
from deploy.stripe_sandbox.domain import params
from deploy.stripe_sandbox.domain.expansion import REFERENCES
from tests.support.stripe_contract import the_contract
from tests.support.stripe_contract.annotations import Schema

DESCRIPTION = the_contract().description
KINDS: dict[type, str] = {params.Text: "string", params.Whole: "integer", params.Flag: "boolean"}
# Every operation of Stripe's takes it; the SDK leaves it out where something is deleted.
EVERYWHERE = {"expand"}
PARTS = {
    "invoice_settings": ("customer", "invoice_settings"),
    "payment": ("invoice_payment", "payment"),
    "price_details": ("line_item", "pricing", "price_details"),
    "subscription_details": ("invoice", "parent", "subscription_details"),
}


def options(schema: Schema) -> list[Schema]:
    resolved = DESCRIPTION.resolve(schema)
    return [DESCRIPTION.resolve(option) for option in resolved.get("anyOf", [resolved])]


def beyond(taken: params.Param, schema: Schema, at: str) -> Iterator[str]:
    """What the sandbox takes and Stripe would not."""
    for part in (taken.one, taken.group) if isinstance(taken, params.Either) else (taken,):
        if isinstance(part, params.Shape):
            yield from beyond_object(part, schema, at)
        elif isinstance(part, params.Many):
            lists = [option["items"] for option in options(schema) if option.get("type") == "array"]
            yield from beyond(part.of, lists[0], f"{at}[]") if lists else [f"{at}: no list"]
        elif isinstance(part, params.Choice):
            words = {word for option in options(schema) for word in option.get("enum", [])}
            yield from (f"{at}: {word}" for word in part.options if words and word not in words)
        elif type(part) in KINDS and not any(fits(option, KINDS[type(part)]) for option in options(schema)):
            yield f"{at}: no {KINDS[type(part)]}"


def beyond_object(taken: params.Shape, schema: Schema, at: str) -> Iterator[str]:
    objects = [option for option in options(schema) if option.get("type") == "object"]
    if not objects:
        yield f"{at}: no object"
        return
    known, required = objects[0].get("properties", {}), set(objects[0].get("required", []))
    yield from (f"{at}.{name}: may be left out here" for name in sorted(required - taken.required - taken.unbuilt))
    for name, inner in taken.fields.items():
        if name in known:
            yield from beyond(inner, known[name], f"{at}.{name}")
        elif name not in EVERYWHERE:
            yield f"{at}.{name}: unknown to Stripe"


def fits(option: Schema, kind: str) -> bool:
    """A word is a text too: that it's a known one is the sandbox's matter where it takes any."""
    return option.get("type") == kind or (kind == "string" and "enum" in option) or not option


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
def test_operation_takes_nothing_that_stripe_would_not(operation: Operation) -> None:
    found = DESCRIPTION.operation(operation.method, re.sub(r"{[^}]+}", "x", operation.path))
    assert found is not None, "no operation of Stripe's"
    assert list(beyond(operation.takes, DESCRIPTION.takes(found), "")) == []


@pytest.mark.parametrize(("owner", "name"), REFERENCES)
def test_reference_that_the_sandbox_expands_is_one_of_stripes(owner: str, name: str) -> None:
    kind, *parts = PARTS.get(owner, (owner,))
    schema = DESCRIPTION.object(kind)
    assert schema is not None
    for part in (*parts, name):
        described = next(option for option in options(schema) if "properties" in option)
        schema = described["properties"][part]
    named = [option["properties"]["object"]["enum"] for option in options(schema) if "properties" in option]
    assert [REFERENCES[owner, name]] in named
