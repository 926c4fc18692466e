"""What the stack consists of: each program's command, addresses, and its own part of the environment.

A program whose package isn't there is left out. A service sees its own secrets and its own database role,
never the owner's address but while it migrates, and of the caller's environment only what it declares as a
setting: what its `settings.py` names may be given to `make run`.
"""

import ast
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from deploy.local import ports
from deploy.local.runner.keyring import Keyring

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("gateway", "billing", "licensing", "fraud")
OF_THE_SYSTEM = (
    *("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTPS_PROXY", "https_proxy", "COVERAGE_PROCESS_START"),
)
# Few pools of memory for few threads, and calls to ourselves past any proxy.
FOR_ALL = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2", "NO_PROXY": "127.0.0.1,localhost", "TZ": "UTC"}


@dataclass(frozen=True)
class Program:
    """One process of the stack; `ping_url` answers 200 once it works."""

    name: str
    command: list[str]
    url: str
    environment: dict[str, str] = field(repr=False)

    @property
    def ping_url(self) -> str:
        return f"{self.url}/ping"


@dataclass(frozen=True)
class Addresses:
    """Where everything listens; the inner ports are kept from start to start where they are free."""

    gateway_port: int
    ports: dict[str, int]

    def url(self, name: str) -> str:
        port = self.gateway_port if name == "gateway" else self.ports[name]
        return f"http://{ports.LOOPBACK}:{port}"


@dataclass(frozen=True)
class Plan:
    """Everything from which the programs' environments follow."""

    data: Path
    addresses: Addresses
    keyring: Keyring
    owner_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    given: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    @property
    def public_url(self) -> str:
        return self.given.get("PUBLIC_URL") or self.addresses.url("gateway")

    @property
    def has_own_stripe(self) -> bool:
        """Our stand-in for Stripe, unless a key for Stripe itself is given."""
        return not self.given.get("STRIPE_SECRET_KEY") and is_present("deploy.stripe_sandbox")

    @property
    def stripe_webhook_secret(self) -> str:
        return self.given.get("STRIPE_WEBHOOK_SECRET") or self.keyring.shared("stripe_webhook_secret")

    @property
    def operator(self) -> dict[str, str]:
        return {
            "email": self.given.get("OPERATOR_EMAIL") or self.keyring.shared("operator_email"),
            "password": self.given.get("OPERATOR_PASSWORD") or self.keyring.shared("operator_password"),
        }

    def programs(self) -> list[Program]:
        """In the order in which they are shown; services first, for they take longest."""
        services = [self._service(name) for name in SERVICES if is_present(f"services.{name}")]
        return services + self._stand_ins()

    def migrations(self) -> list[Program]:
        owner = {"DATABASE_OWNER_URL": self.owner_url}
        return [
            Program(f"migrate-{name}", _python(f"services.{name}", "migrate"), "", self._settings(name) | owner)
            for name in SERVICES
            if is_present(f"services.{name}")
        ]

    def settings_of(self, service: str) -> dict[str, str]:
        """The whole environment in which one of the service's commands works on this stack."""
        return self._settings(service)

    def seed(self) -> Program | None:
        if not is_present("services.gateway"):
            return None
        seeded = {
            "OPERATOR_EMAIL": self.operator["email"],
            "OPERATOR_PASSWORD": self.operator["password"],
            "DEMO_UPSTREAM_URL": self.addresses.url("demo_upstream"),
        }
        return Program("seed", _python("services.gateway", "seed"), "", self._settings("gateway") | seeded)

    def _service(self, name: str) -> Program:
        url = self.addresses.url(name)
        command = _python(f"services.{name}", "serve", "--host", ports.LOOPBACK, "--port", str(urlsplit(url).port))
        return Program(name, command, url, self._settings(name))

    def _stand_ins(self) -> list[Program]:
        """What stands in for the world outside: Stripe, an API that is sold, a mail server."""
        at = self.addresses
        found: list[Program] = []
        if self.has_own_stripe:
            webhook = f"{at.url('gateway')}/api/webhooks/stripe"
            options = ["--data", str(self.data / "stripe_sandbox.sqlite"), "--webhook-url", webhook]
            secret = ["--webhook-secret", self.stripe_webhook_secret]
            found.append(self._stand_in("stripe_sandbox", "deploy.stripe_sandbox", *options, *secret))
        if is_present("deploy.local.demo_upstream"):
            found.append(self._stand_in("demo_upstream", "deploy.local.demo_upstream"))
        if is_present("deploy.local.mail_catcher"):
            options = ["--smtp-port", str(at.ports["smtp"]), "--data", str(self.data / "mail.sqlite3")]
            found.append(self._stand_in("mail", "deploy.local.mail_catcher", *options))
        return found

    def _stand_in(self, name: str, module: str, *options: str) -> Program:
        port = str(self.addresses.ports[name])
        command = _python(module, "--port", port, *options)
        return Program(name, command, self.addresses.url(name), self._of_the_system())

    def _settings(self, service: str) -> dict[str, str]:
        own = self._common_settings(service)
        if service == "billing":
            own |= self._stripe_settings() | {"SEAL_SIGNING_KEY": self.keyring.shared("seal_signing_key")}
        if service == "licensing" and not self.given.get("LICENSE_MASTER_SECRET"):
            own["LICENSE_MASTER_SECRET"] = self.keyring.shared("license_master_secret")
        if service == "gateway":
            own |= self._mail_settings()
            if self.has_own_stripe:
                own |= {"STRIPE_SANDBOX_URL": self.addresses.url("stripe_sandbox")}
        return self._of_the_system() | self._given_to(service) | own

    def _of_the_system(self) -> dict[str, str]:
        return {name: self.given[name] for name in OF_THE_SYSTEM if name in self.given} | FOR_ALL

    def _given_to(self, service: str) -> dict[str, str]:
        names = declared_settings(service)
        return {name: self.given[name] for name in names if name in self.given}

    def _common_settings(self, service: str) -> dict[str, str]:
        keyring = self.keyring
        siblings = {f"{name.upper()}_URL": self.addresses.url(name) for name in SERVICES}
        return siblings | {
            "ENVIRONMENT": "local",
            "DATABASE_URL": self._role_url(service),
            "REDIS_URL": self.redis_url,
            "SERVICE_SIGNING_KEY": keyring.of(service, "signing_key"),
            "SERVICE_PUBLIC_KEYS": json.dumps(keyring.public_keys()),
            "SEAL_KEYS": json.dumps({"1": keyring.of(service, "seal_key")}),
            "BLIND_INDEX_KEY": keyring.shared("blind_index_key"),
            "IDEMPOTENCY_PEPPER": keyring.of(service, "idempotency_pepper"),
            "METRICS_TOKEN": self.given.get("METRICS_TOKEN") or keyring.shared("metrics_token"),
            "PUBLIC_URL": self.public_url,
            "RUN_WORKERS": "true",
            "LOG_FOLDER": self.given.get("LOG_FOLDER") or str(self.data / "logs" / "streams"),
        }

    def _role_url(self, service: str) -> str:
        """The owner's address with the role `<database>_<service>` in its place."""
        owner = urlsplit(self.owner_url)
        role = f"{owner.path.lstrip('/')}_{service}"
        password = quote(self.keyring.of(service, "database_password"))
        host = owner.netloc.rpartition("@")[2]
        return urlunsplit(owner._replace(netloc=f"{role}:{password}@{host}"))

    def _stripe_settings(self) -> dict[str, str]:
        settings = {"STRIPE_WEBHOOK_SECRET": self.stripe_webhook_secret}
        if not self.has_own_stripe:
            return settings
        return settings | {
            "STRIPE_API_BASE": self.addresses.url("stripe_sandbox"),
            "STRIPE_SECRET_KEY": self.keyring.shared("stripe_secret_key"),
            "STRIPE_PUBLISHABLE_KEY": self.keyring.shared("stripe_publishable_key"),
        }

    def _mail_settings(self) -> dict[str, str]:
        if self.given.get("SMTP_HOST"):
            return {}
        return {"SMTP_HOST": ports.LOOPBACK, "SMTP_PORT": str(self.addresses.ports["smtp"])}


def is_present(module: str) -> bool:
    return (ROOT / Path(*module.split(".")) / "__main__.py").is_file()


def declared_settings(service: str) -> set[str]:
    """The names of the service's settings, read from the source without running it."""
    names: set[str] = set()
    for file in (ROOT / "services" / service / "settings.py", ROOT / "shared" / "settings.py"):
        if file.is_file():
            names |= {name.upper() for name in _annotated_names(ast.parse(file.read_text()))}
    return names


def _annotated_names(tree: ast.Module) -> set[str]:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    fields = [node for one in classes for node in one.body if isinstance(node, ast.AnnAssign)]
    return {node.target.id for node in fields if isinstance(node.target, ast.Name)}


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
