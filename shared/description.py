"""An API's description (OpenAPI) as the nested mappings that it is. Pure."""

from collections.abc import Mapping
from typing import Any


def renamed_references(node: Any, references: Mapping[str, str]) -> Any:
    """A part of a description with what it refers to (`$ref`) called otherwise."""
    if isinstance(node, list):
        return [renamed_references(item, references) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: references.get(value, value) if name == "$ref" else renamed_references(value, references)
        for name, value in node.items()
    }
