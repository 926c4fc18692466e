"""From a type annotation to an OpenAPI 3.1 schema."""

import ast
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]

NULL: Schema = {"type": "null"}
REFERENCE = "#/components/schemas/"

_PLAIN: dict[str, Schema] = {
    "Any": {},
    "Decimal": {"type": "string", "format": "decimal"},
    "Dict": {"type": "object"},
    "StripeObject": {"type": "object"},
    "UntypedStripeObject": {"type": "object"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string"},
    "float": {"type": "number"},
    "int": {"type": "integer"},
    "object": {},
    "str": {"type": "string"},
}


class Annotations:
    """Reads annotations; `refer` says the name of the schema of a class, None where the name means none.

    What can't be read is let pass as anything, and kept in `unread`.
    """

    def __init__(self, refer: Callable[[str], str | None]) -> None:
        self._refer = refer
        self.unread: set[str] = set()

    def field(self, node: ast.expr) -> tuple[Schema, bool]:
        """The schema of a field, and whether it is always there: neither `Optional` nor `NotRequired`."""
        node = _unquoted(node)
        if isinstance(node, ast.Subscript):
            head, inner = _head(node), _arguments(node)
            if head == "NotRequired":
                return self.field(inner[0])[0], False
            if head == "Optional":
                return _any_of([self.schema(inner[0]), NULL]), False
        return self.schema(node), True

    def schema(self, node: ast.expr) -> Schema:
        node = _unquoted(node)
        if isinstance(node, ast.Constant) and node.value is None:
            return NULL
        if isinstance(node, ast.BinOp):
            return _union([self.schema(node.left), self.schema(node.right)])
        if isinstance(node, ast.Name | ast.Attribute):
            return self._named(ast.unparse(node))
        if isinstance(node, ast.Subscript):
            return self._generic(node)
        return self._not_read(node)

    def _named(self, name: str) -> Schema:
        if name in _PLAIN:
            return dict(_PLAIN[name])
        found = self._refer(name)
        if found is None:
            self.unread.add(name)
            return {}
        return {"$ref": REFERENCE + found}

    def _generic(self, node: ast.Subscript) -> Schema:  # noqa: PLR0911 - a table of the SDK's generics
        head, inner = _head(node), _arguments(node)
        match head:
            case "Optional" | "NotRequired":
                return self.field(node)[0]
            case "Literal":
                return {"enum": [ast.literal_eval(value) for value in inner]}
            case "Union":
                return _union([self.schema(option) for option in inner])
            case "ExpandableField":
                return _any_of([{"type": "string"}, self.schema(inner[0])])
            case "List" | "Sequence":
                return {"type": "array", "items": self.schema(inner[0])}
            case "Dict" | "UntypedStripeObject":
                return {"type": "object", "additionalProperties": self.schema(inner[-1])}
            case "ListObject":
                return _page("list", self.schema(inner[0]), url={"type": "string"})
            case "SearchResultObject":
                return _page("search_result", self.schema(inner[0]), url={"type": "string"}, next_page={})
        return self._not_read(node)

    def _not_read(self, node: ast.expr) -> Schema:
        self.unread.add(ast.unparse(node))
        return {}


def _unquoted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _unquoted(ast.parse(" ".join(node.value.split()), mode="eval").body)
    return node


def _head(node: ast.Subscript) -> str:
    return ast.unparse(node.value).rsplit(".", 1)[-1]


def _arguments(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]


def _union(options: list[Schema]) -> Schema:
    """Words beside `str` stay words: a text that is none of them is made up (the empty one unsets, and is apart)."""
    flat = _flat(options)
    if any(_are_words(option) for option in flat):
        flat = [option for option in flat if option != {"type": "string"}]
    return _any_of(flat)


def _are_words(option: Schema) -> bool:
    return "enum" in option and option["enum"] != [""] and all(isinstance(word, str) for word in option["enum"])


def _any_of(options: list[Schema]) -> Schema:
    return options[0] if len(options) == 1 else {"anyOf": _flat(options)}


def _flat(options: list[Schema]) -> list[Schema]:
    return [inner for option in options for inner in option.get("anyOf", [option])]


def _page(kind: str, element: Schema, **more: Schema) -> Schema:
    return {
        "type": "object",
        "properties": {
            "object": {"enum": [kind]},
            "data": {"type": "array", "items": element},
            "has_more": {"type": "boolean"},
            "total_count": {"type": "integer"},
            **more,
        },
        "required": ["object", "data", "has_more", "url"],
        "additionalProperties": False,
    }
