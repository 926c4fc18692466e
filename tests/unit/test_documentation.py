"""The docs name what the code has: every problem code, every setting, every event. What lacks is printed as the line
to add."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from shared import problems
from shared.settings import ServiceSettings
from tests.support import keys

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SERVICES = keys.SERVICES
SHARED = "every service"
TABLES = (SHARED, *SERVICES)


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for room in ("services", "shared"):
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file, ast.parse(file.read_text())


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """Each call with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            yield (called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")), node


def text_of(argument: ast.expr) -> str | None:
    """A literal's text; a formatted part reads as `*`."""
    if isinstance(argument, ast.Constant):
        return argument.value if isinstance(argument.value, str) else None
    if isinstance(argument, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in argument.values)
    return None


def settings_class(service: str) -> type[ServiceSettings]:
    found = import_module(f"services.{service}.settings").Settings
    assert issubclass(found, ServiceSettings)
    return found


def settings_of(service: str) -> dict[str, FieldInfo]:
    return dict(settings_class(service).model_fields)


@pytest.fixture(scope="module")
def registered() -> dict[str, problems.Kind]:
    """Every code that the running services know; they make them known when their applications are made."""
    for service in SERVICES:
        settings = settings_class(service)(
            _env_file=None,
            environment="test",
            database_url="postgresql://nobody:nothing@127.0.0.1:1/none",
            redis_url="redis://127.0.0.1:1/0",
            **keys.environment(service),
        )
        import_module(f"services.{service}.app").create_app(settings)
    return dict(problems._KINDS)


def documented_problems() -> dict[str, int]:
    rows = re.findall(r"^\| `([a-z_]+)` \| (\d{3})", (DOCS / "problems.md").read_text(), re.MULTILINE)
    return {code: int(status) for code, status in rows}


def test_every_problem_code_is_documented_with_its_status(registered: dict[str, problems.Kind]) -> None:
    documented = documented_problems()
    lacking = [
        f"| `{code}` | {kind.status} | {kind.title} | |"
        for code, kind in sorted(registered.items())
        if documented.get(code) != kind.status
    ]
    assert not lacking, "docs/problems.md lacks:\n" + "\n".join(lacking)


def test_no_documented_problem_code_is_unknown(registered: dict[str, problems.Kind]) -> None:
    assert sorted(documented_problems().keys() - registered.keys()) == []


def test_every_code_that_is_raised_has_a_status(registered: dict[str, problems.Kind]) -> None:
    """One that has none would answer 500."""
    unknown = [
        f"{file.relative_to(ROOT)}: {code}"
        for file, tree in sources()
        for code in raised_codes(tree)
        if code not in registered
    ]
    assert unknown == []


def raised_codes(tree: ast.Module) -> Iterator[str]:
    """The first argument of each `DomainError(...)`, and of `super().__init__(...)` in its subclasses."""
    refusals = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and any(getattr(base, "id", "") == "DomainError" for base in node.bases)
    ]
    made = [call for name, call in calls(tree) if name == "DomainError"]
    made += [call for refusal in refusals for name, call in calls(refusal) if name == "__init__"]
    for call in made:
        code = text_of(call.args[0]) if call.args else None
        if code is not None:
            yield code


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_has_a_description(service: str) -> None:
    assert [name for name, info in settings_of(service).items() if not info.description] == []


@pytest.mark.parametrize("service", TABLES)
def test_every_setting_stands_in_the_operations_guide_with_its_default(service: str) -> None:
    section = settings_section(service)
    lacking = [
        settings_row(name, info)
        for name, info in own_settings(service).items()
        if f"| `{name.upper()}` | {default_text(info)} |" not in section
    ]
    assert not lacking, f"docs/operations.md, settings of {service}, lacks:\n" + "\n".join(lacking)


@pytest.mark.parametrize("service", TABLES)
def test_the_operations_guide_names_no_setting_that_is_gone(service: str) -> None:
    known = {name.upper() for name in own_settings(service)}
    named = set(re.findall(r"^\| `([A-Z0-9_]+)` ", settings_section(service), re.MULTILINE))
    assert sorted(named - known) == []


def shared_settings() -> dict[str, FieldInfo]:
    return dict(ServiceSettings.model_fields)


def own_settings(service: str) -> dict[str, FieldInfo]:
    """Those that the service declares itself, or the shared ones."""
    if service == SHARED:
        return shared_settings()
    return {name: info for name, info in settings_of(service).items() if name not in shared_settings()}


def settings_row(name: str, info: FieldInfo) -> str:
    return f"| `{name.upper()}` | {default_text(info)} | {info.description} |"


def default_text(info: FieldInfo) -> str:
    """A default as the environment would say it."""
    if info.is_required():
        return "required"
    default = info.default.get_secret_value() if isinstance(info.default, SecretStr) else info.default
    if default is None:
        return "unset"
    if isinstance(default, tuple):
        default = ",".join(str(part) for part in default)
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{text}`" if text else "empty"


def settings_section(service: str) -> str:
    """The part of the guide under `### Settings of <service>`."""
    guide = (DOCS / "operations.md").read_text()
    _, found, rest = guide.partition(f"\n### Settings of {service}\n")
    assert found, f"docs/operations.md has no heading `### Settings of {service}`"
    return re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]


def test_every_event_is_documented() -> None:
    documented = re.findall(r"^\| `([a-z_.*<>]+)` ", (DOCS / "events.md").read_text(), re.MULTILINE)
    known = {name.replace("<status>", "*") for name in documented}
    lacking = [
        f"{file.relative_to(ROOT)}: {kind}"
        for file, tree in sources()
        for name, call in calls(tree)
        if name == "publish" and len(call.args) >= 3
        for kind in [text_of(call.args[1])]
        if kind is not None and "." in kind and kind not in known
    ]
    assert lacking == []


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{file.relative_to(ROOT)} -> {target}"
        for file in [*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "shared").glob("*.md"), *ROOT.glob("tests/*.md")]
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", file.read_text())
        if "://" not in target and not (file.parent / target).exists()
    ]
    assert broken == []


if __name__ == "__main__":
    for service in TABLES:
        print(f"\n### Settings of {service}\n\n| setting | default | what it is |\n|---|---|---|")
        for name, info in own_settings(service).items():
            print(settings_row(name, info))
