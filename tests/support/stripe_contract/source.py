"""The SDK's source: its modules as syntax trees, and which class a name in them means."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "stripe"


@dataclass(frozen=True)
class Class:
    """A class in a module; `path` leads to it through the classes around it."""

    module: "Module" = field(repr=False)
    path: tuple[str, ...]
    node: ast.ClassDef = field(repr=False)

    @property
    def name(self) -> str:
        """Unlike that of every other class: the module's name and the path."""
        return ".".join([self.module.name.removeprefix(f"{PACKAGE}."), *self.path])

    def inner(self, name: str) -> "Class | None":
        for node in self.node.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return Class(self.module, (*self.path, name), node)
        return None


@dataclass(frozen=True)
class Module:
    name: str
    tree: ast.Module = field(repr=False)

    @cached_property
    def classes(self) -> dict[str, Class]:
        nodes = (node for node in self._statements() if isinstance(node, ast.ClassDef))
        return {node.name: Class(self, (node.name,), node) for node in nodes}

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """A name here: the module that it is from, and its name there."""
        return {
            alias.asname or alias.name: (node.module, alias.name)
            for node in self._statements()
            if isinstance(node, ast.ImportFrom) and node.module
            for alias in node.names
        }

    @cached_property
    def assigned(self) -> dict[str, ast.expr]:
        """What module-level names stand for."""
        found: dict[str, ast.expr] = {}
        for node in self._statements():
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                found[node.targets[0].id] = node.value
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
                found[node.target.id] = node.value
        return found

    def _statements(self) -> Iterator[ast.stmt]:
        """Those of the module, and those that it keeps for type checkers."""
        for node in self.tree.body:
            if isinstance(node, ast.If):
                yield from node.body
            else:
                yield node


class Source:
    """The SDK in a folder; each module is read once, when something in it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, Module | None] = {}

    def service_modules(self) -> Iterator[Module]:
        """Those that send requests to the first version of the API."""
        for path in sorted(self._folder.rglob("_*_service.py")):
            parts = path.relative_to(self._folder).with_suffix("").parts
            if "v2" not in parts:
                yield self.known(".".join([PACKAGE, *parts]))

    def known(self, name: str) -> Module:
        found = self.module(name)
        assert found is not None, f"the SDK has no module {name}"
        return found

    def module(self, name: str) -> Module | None:
        if name not in self._modules:
            path = self._path(name)
            tree = ast.parse(path.read_text()) if path else None
            self._modules[name] = Module(name, tree) if tree else None
        return self._modules[name]

    def _path(self, name: str) -> Path | None:
        package, _, rest = name.partition(".")
        if package != PACKAGE:
            return None
        bare = self._folder.joinpath(*rest.split(".")) if rest else self._folder
        return next((path for path in (bare.with_suffix(".py"), bare / "__init__.py") if path.is_file()), None)

    def find(self, dotted: str, module: Module, scope: Class | None = None) -> Class | None:
        """The class that a name means inside `scope`: the nearest one outwards, then the module's, then an import."""
        first, *rest = dotted.split(".")
        found = self._nearest(first, module, scope)
        for name in rest:
            found = found.inner(name) if found else None
        return found

    def _nearest(self, name: str, module: Module, scope: Class | None) -> Class | None:
        for around in _outwards(scope):
            found = around.inner(name)
            if found:
                return found
        if name in module.classes:
            return module.classes[name]
        if name not in module.imports:
            return None
        origin, original = module.imports[name]
        imported = self.module(origin)
        return self._nearest(original, imported, None) if imported else None


def _outwards(scope: Class | None) -> Iterator[Class]:
    if scope is None:
        return
    for depth in range(len(scope.path), 0, -1):
        found: Class | None = scope.module.classes[scope.path[0]]
        for name in scope.path[1:depth]:
            found = found.inner(name) if found else None
        if found:
            yield found
