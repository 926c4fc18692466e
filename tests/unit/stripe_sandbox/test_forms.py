"""Bracketed forms and the shapes of parameters."""

import pytest

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.forms import decode_text
from deploy.stripe_sandbox.domain.params import (
    Flag,
    Labels,
    Many,
    Text,
    Whole,
    choice,
    merged,
    shape,
)

SHAPE = shape(
    required=("mode",),
    unbuilt=("automatic_tax",),
    mode=choice("payment", "setup"),
    quantity=Whole(1, 10),
    live=Flag(),
    metadata=Labels(),
    name=Text(longest=5, blank=True),
    strict=Text(),
    items=Many(shape(required=("price",), price=Text()), most=2),
)


def read(text: str) -> dict[str, object]:
    return SHAPE.read(decode_text(text))


def refusal(text: str) -> StripeError:
    with pytest.raises(StripeError) as refused:
        read(text)
    return refused.value


def test_brackets_become_nested_groups_and_lists() -> None:
    found = read("mode=payment&items[0][price]=a&items[1][price]=b&metadata[0]=x&live=true&quantity=3")
    assert found == {
        "mode": "payment",
        "items": [{"price": "a"}, {"price": "b"}],
        "metadata": {"0": "x"},
        "live": True,
        "quantity": 3,
    }


def test_empty_brackets_count_up() -> None:
    assert decode_text("a[]=1&a[]=2") == {"a": {"0": "1", "1": "2"}}


def test_list_order_is_that_of_the_numbers() -> None:
    found = read("mode=setup&items[10][price]=late&items[2][price]=early")
    assert found["items"] == [{"price": "early"}, {"price": "late"}]


def test_blank_unsets_only_what_may_be_unset() -> None:
    assert read("mode=setup&name=")["name"] is None
    assert refusal("mode=setup&strict=").code == "parameter_invalid_empty"


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("", "parameter_missing", "mode"),
        ("mode=payment&bogus=1", "parameter_unknown", "bogus"),
        ("mode=payment&items[0][x]=1", "parameter_unknown", "items[0][x]"),
        ("mode=payment&items[0]=1", None, "items[0]"),
        ("mode=payment&quantity=many", "parameter_invalid_integer", "quantity"),
        ("mode=payment&quantity=11", "parameter_invalid_integer", "quantity"),
        ("mode=payment&quantity=", "parameter_invalid_empty", "quantity"),
        ("mode=payment&live=maybe", None, "live"),
        ("mode=gift", None, "mode"),
        ("mode=payment&name=longer", "parameter_invalid_string", "name"),
        ("mode=payment&items[a][price]=1", None, "items"),
        ("mode=payment&items[0][price]=1&items[1][price]=1&items[2][price]=1", None, "items"),
        ("mode=payment&automatic_tax[enabled]=true", None, "automatic_tax"),
        ("mode=payment&metadata[a][b]=1", None, "metadata[a]"),
        ("mode[a]=payment", None, "mode"),
        ("a[b=1", None, "a[b"),
        ("a=1&a[b]=2", None, "a[b]"),
    ],
)
def test_refusal_names_the_parameter(text: str, code: str | None, param: str) -> None:
    refused = refusal(text)
    assert (refused.code, refused.param, refused.status) == (code, param, 400)


def test_too_many_and_too_deep_are_refused() -> None:
    refusal("&".join(f"a{number}=1" for number in range(1001)))
    refusal("a" + "[b]" * 20 + "=1")


def test_metadata_is_merged_and_unset_by_empty_values() -> None:
    assert merged({"a": "1", "b": "2"}, {"a": "", "c": "3"}) == {"b": "2", "c": "3"}
    assert merged({"a": "1"}, None) == {"a": "1"}
    assert merged({"a": "1"}, Labels().read("", "metadata")) == {}
    with pytest.raises(StripeError):
        merged({}, {str(number): "x" for number in range(51)})
