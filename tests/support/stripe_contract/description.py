"""The OpenAPI description: operations by method and path, and schemas by name, each made when it is asked for.

Reading the services takes some 200 ms; an operation's schemas and those that hang on them some milliseconds more. The
whole (`document`) takes seconds, and no check needs it.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import stripe

from tests.support.stripe_contract.annotations import REFERENCE, Annotations, Schema
from tests.support.stripe_contract.source import Class, Module, Source

Read = TypeVar("Read", Schema, Schema | None)

# What the SDK declares as always there, and Stripe sends only where it applies or is asked for.
_NOT_ALWAYS = {
    ("_charge.Charge", "transfer"),
}
# A list within an object has an address there too, for its next page; the SDK knows it as a list of its own.
_OWN_LIST = re.compile(r"^/v1/charges/[^/]+/(refunds)$")
_OPTIONS = "RequestOptions"
_SENDING = ("_request", "_request_stream")
_EVENT_DATA = "_event.Event.Data"


@dataclass(frozen=True)
class Operation:
    """A function of a service's that sends one request. `is_file` says that it answers no JSON."""

    service: Class
    function: ast.FunctionDef
    method: str
    path: str
    is_file: bool

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(self.path)))

    @property
    def name(self) -> str:
        return f"{self.service.path[-1]}.{self.function.name}"


class Description:
    def __init__(self, folder: Path | None = None) -> None:
        self._source = Source(folder or Path(stripe.__file__).parent)
        self._classes: dict[str, Class] = {}
        self._schemas: dict[str, Schema] = {}
        self._read: dict[tuple[str, str, str], Schema | None] = {}
        self.unread: set[str] = set()

    @property
    def made(self) -> int:
        """How many schemas have been asked for until now."""
        return len(self._schemas)

    @cached_property
    def version(self) -> str:
        value = self._source.known("stripe._api_version").classes["_ApiVersion"].node.body[0]
        assert isinstance(value, ast.Assign) and isinstance(value.value, ast.Constant)
        return str(value.value.value)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """Those with fewer ids in their path first: `/search` is nobody's id."""
        modules = self._source.service_modules()
        found = [sent for module in modules for service in module.classes.values() for sent in _sent_by(service)]
        return tuple(sorted(found, key=lambda operation: operation.path.count("{")))

    def operation(self, method: str, path: str) -> Operation | None:
        """The one that a request is for, with or without the ids in its path."""
        path = _OWN_LIST.sub(r"/v1/\1", path)
        alike = self._by_length.get((method.lower(), path.count("/")), ())
        return next((operation for operation in alike if operation.pattern.fullmatch(path)), None)

    @cached_property
    def _by_length(self) -> dict[tuple[str, int], list[Operation]]:
        """By method and number of steps in the path, in the order of `operations`."""
        found: dict[tuple[str, int], list[Operation]] = {}
        for operation in self.operations:
            found.setdefault((operation.method, operation.path.count("/")), []).append(operation)
        return found

    def takes(self, operation: Operation) -> Schema:
        """The schema of its form or query. That the SDK's caller may leave out all parameters is another matter."""
        return self._once("takes", operation, self._read_takes)

    def answers(self, operation: Operation) -> Schema | None:
        """The schema of its JSON, None where it answers a file."""
        return self._once("answers", operation, self._read_answers)

    def _once(self, what: str, operation: Operation, read: Callable[[Operation], Read]) -> Read:
        place = (what, operation.method, operation.path)
        if place not in self._read:
            self._read[place] = read(operation)
        return cast(Read, self._read[place])

    def _read_takes(self, operation: Operation) -> Schema:
        given = next((each for each in operation.function.args.args if each.arg == "params"), None)
        if given is None or given.annotation is None:
            return {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
        read = self._annotations(operation.service.module, None).schema(given.annotation)
        return next((option for option in read.get("anyOf", []) if "$ref" in option), read)

    def _read_answers(self, operation: Operation) -> Schema | None:
        returned = operation.function.returns
        if operation.is_file or returned is None:
            return None
        return self._annotations(operation.service.module, None).schema(returned)

    def object(self, kind: str) -> Schema | None:
        """The schema of what says `"object": kind` of itself."""
        place = self._objects.get(kind)
        module = self._source.module(place[0]) if place else None
        return self._reference(module.classes[place[1]]) if module and place else None

    def class_named(self, module: str, name: str) -> Schema:
        """The schema of a class of the SDK's that is no resource."""
        return self._reference(self._source.known(module).classes[name])

    def resolve(self, schema: Schema) -> Schema:
        """The schema itself where it is a reference."""
        name = schema.get("$ref", "").removeprefix(REFERENCE)
        if not name:
            return schema
        if name not in self._schemas:
            self._schemas[name] = self._object_schema(self._classes[name])
        return self._schemas[name]

    def document(self) -> dict[str, Any]:
        """The whole of it, as OpenAPI 3.1."""
        paths: dict[str, dict[str, Any]] = {}
        for operation in self.operations:
            paths.setdefault(operation.path, {}).setdefault(operation.method, self._described(operation))
        while missing := [name for name in self._classes if name not in self._schemas]:
            for name in missing:
                self.resolve({"$ref": REFERENCE + name})
        return {
            "openapi": "3.1.0",
            "info": {"title": "Stripe, as its Python SDK declares it", "version": self.version},
            "paths": paths,
            "components": {"schemas": dict(sorted(self._schemas.items()))},
        }

    def _described(self, operation: Operation) -> dict[str, Any]:
        ids = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"{(\w+)}", operation.path)
        ]
        answers, takes = self.answers(operation), self.takes(operation)
        answer = {"application/json": {"schema": answers}} if answers is not None else {}
        made: dict[str, Any] = {
            "operationId": operation.name,
            "parameters": ids,
            "responses": {"200": {"description": "Done", "content": answer}},
        }
        if operation.method == "post":
            made["requestBody"] = {"content": {"application/x-www-form-urlencoded": {"schema": takes}}}
        else:
            made["parameters"] = [*ids, *self._query(takes)]
        return made

    def _query(self, takes: Schema) -> list[dict[str, Any]]:
        schema = self.resolve(takes)
        return [
            {"name": name, "in": "query", "required": name in schema["required"], "schema": each, "style": "deepObject"}
            for name, each in schema["properties"].items()
        ]

    @cached_property
    def _objects(self) -> dict[str, tuple[str, str]]:
        table = self._source.known("stripe._object_classes").assigned["OBJECT_CLASSES"]
        found: dict[str, tuple[str, str]] = ast.literal_eval(table)
        return found

    def _annotations(self, module: Module, scope: Class | None) -> Annotations:
        def refer(name: str) -> str | None:
            found = self._source.find(name, module, scope)
            return self._known(found) if found else None

        made = Annotations(refer)
        made.unread = self.unread
        return made

    def _known(self, found: Class) -> str:
        self._classes.setdefault(found.name, found)
        return found.name

    def _reference(self, found: Class) -> Schema:
        return {"$ref": REFERENCE + self._known(found)}

    def _object_schema(self, described: Class) -> Schema:
        annotations = self._annotations(described.module, described)
        properties: dict[str, Schema] = {}
        required = []
        for name, node in self._fields(described):
            properties[name], always = annotations.field(node)
            if always and (described.name, name) not in _NOT_ALWAYS:
                required.append(name)
        if described.name == _EVENT_DATA:
            properties["object"] = {"type": "object", "x-by-object-name": True}
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _fields(self, described: Class) -> list[tuple[str, ast.expr]]:
        """Those of its bases first; the SDK's options of a request are no parameters."""
        found: list[tuple[str, ast.expr]] = []
        for base in described.node.bases:
            if isinstance(base, ast.Name) and base.id != _OPTIONS:
                found += self._inherited(described, base.id)
        renamed = _renamed(described.node)
        for node in described.node.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _is_field(node):
                found.append((renamed.get(node.target.id, node.target.id), node.annotation))
        return found

    def _inherited(self, described: Class, base: str) -> list[tuple[str, ast.expr]]:
        written = described.module.assigned.get(base)
        if isinstance(written, ast.Call) and isinstance(written.args[-1], ast.Dict):
            table = written.args[-1]
            return [(ast.literal_eval(name), node) for name, node in zip(table.keys, table.values, strict=True) if name]
        found = self._source.find(base, described.module)
        return self._fields(found) if found and found.name.startswith("params.") else []


def _sent_by(service: Class) -> Iterator[Operation]:
    """The requests that a service's functions send: `self._request("get", "/v1/things/{thing}".format(...))`."""
    for function in service.node.body:
        if isinstance(function, ast.FunctionDef):
            for call in ast.walk(function):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _SENDING:
                    yield _sent(service, function, call, call.func.attr)


def _sent(service: Class, function: ast.FunctionDef, call: ast.Call, sending: str) -> Operation:
    method, path = call.args[:2]
    if isinstance(path, ast.Call) and isinstance(path.func, ast.Attribute):
        path = path.func.value
    return Operation(
        service, function, ast.literal_eval(method), ast.literal_eval(path), is_file=sending == "_request_stream"
    )


def _is_field(node: ast.AnnAssign) -> bool:
    assert isinstance(node.target, ast.Name)
    return not node.target.id.startswith("_") and not ast.unparse(node.annotation).startswith("ClassVar")


def _renamed(node: ast.ClassDef) -> dict[str, str]:
    """Fields whose names are words of Python's, by the name that the SDK gives them."""
    for statement in node.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "_field_remappings":
            found: dict[str, str] = ast.literal_eval(statement.value)
            return found
    return {}
