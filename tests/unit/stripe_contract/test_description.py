"""The description of the installed SDK, as a whole."""

import pytest

from tests.support.stripe_contract import the_contract
from tests.support.stripe_contract.description import Description


def test_version_is_the_one_that_the_sdk_pins() -> None:
    from stripe._api_version import _ApiVersion

    assert the_contract().description.version == _ApiVersion.CURRENT


def test_schemas_are_made_only_when_they_are_asked_for() -> None:
    description = Description()
    refund = description.object("refund")
    assert refund is not None
    assert "charge" in description.resolve(refund)["properties"]
    assert description.made < 5


@pytest.mark.long
def test_the_whole_sdk_can_be_described() -> None:
    description = Description()
    document = description.document()

    assert description.unread == set(), "annotations that were let pass as anything"
    assert len(document["paths"]) > 300
    create = document["paths"]["/v1/refunds"]["post"]
    assert create["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith("_refund.Refund")
    names = set(document["components"]["schemas"])
    assert {ref.rsplit("/", 1)[1] for ref in _references(document)} <= names


def test_words_of_pythons_are_stripes_names() -> None:
    description = the_contract().description
    taken = description.operation("POST", "/v1/tax/registrations")
    assert taken is not None
    options = description.resolve(description.takes(taken))["properties"]["country_options"]
    assert {"in", "is", "it"} <= set(description.resolve(options)["properties"])


def _references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in node.values()))
    return set().union(*(_references(value) for value in node)) if isinstance(node, list) else set()
