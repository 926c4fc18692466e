"""What an operator may turn: read from the environment, checked at start, refused by name.

Every field has a description; `python -m services.<name> settings` prints them. The environment's name of a field is
the field's name in upper case.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

EXIT_BAD_SETTINGS = 78
"""EX_CONFIG of sysexits.h."""

KEY_BYTES = 32


def _bytes32(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        decoded = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))
    except ValueError as error:
        raise ValueError("is not url-safe base64") from error
    if len(decoded) != KEY_BYTES:
        raise ValueError(f"holds {len(decoded)} bytes, and 32 are needed; make one with `openssl rand -base64 32`")
    return decoded


def object_of(value: object) -> object:
    """A JSON object's text as that object; what is no text as it is."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError("is not a JSON object") from error


def _url(value: object) -> object:
    if not isinstance(value, str) or not value:
        return value
    parts = urlsplit(value)
    if not parts.scheme or not parts.netloc:
        raise ValueError("is not a URL; it begins with a scheme and a host, as http://127.0.0.1:8082 does")
    return str(value).rstrip("/")


Key32 = Annotated[bytes, BeforeValidator(_bytes32)]
Url = Annotated[str, BeforeValidator(_url)]
KeysByVersion = Annotated[dict[int, Key32], NoDecode, BeforeValidator(object_of)]
KeysByIssuer = Annotated[dict[str, Key32], NoDecode, BeforeValidator(object_of)]


class ServiceSettings(BaseSettings):
    """What every service needs."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    environment: Literal["local", "test", "production"] = Field(
        "local", description="Where this runs. Test conveniences exist outside production only."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log line that is written."
    )
    log_folder: Path | None = Field(
        None,
        description="A folder for stripe-payment.log, license-manager.log and subscription-manager.log, written beside"
        " stderr (L13). Unset: no files.",
    )
    log_file_megabytes: int = Field(
        20, ge=1, le=10_000, description="Where such a file is renamed and begun anew; nine older ones are kept."
    )
    database_url: Url = Field(
        description="PostgreSQL, as this service's own role: postgresql://role:password@host:port/database."
    )
    database_owner_url: Url | None = Field(
        None, description="PostgreSQL, as the schemas' owner. Only `migrate` needs it."
    )
    database_pool_size: int = Field(
        10, ge=1, le=200, description="Connections to PostgreSQL that one process may hold open."
    )
    redis_url: Url = Field(description="Redis 7 or later, or Valkey: redis://:password@host:port/0.")
    service_signing_key: Key32 = Field(
        description="Ed25519 seed (url-safe base64, 32 bytes) that signs this service's calls to its siblings."
    )
    service_public_keys: KeysByIssuer = Field(
        description='JSON object from a service\'s name to its Ed25519 public key: {"gateway": "..."}.'
    )
    seal_keys: KeysByVersion = Field(
        description='JSON object from version to key (base64, 32 bytes): {"1": "..."}. The highest seals; all open.'
    )
    blind_index_key: Key32 = Field(
        description="Key (base64, 32 bytes) of the digests by which sealed values are looked up."
    )
    idempotency_pepper: Key32 = Field(
        description="Key (base64, 32 bytes) mixed into stored idempotency keys and answers."
    )
    public_url: Url = Field("http://127.0.0.1:8082", description="The address that customers use.")
    gateway_url: Url = Field("http://127.0.0.1:8100", description="The gateway, as its siblings reach it.")
    billing_url: Url = Field("http://127.0.0.1:8101", description="Billing, as its siblings reach it.")
    licensing_url: Url = Field("http://127.0.0.1:8102", description="Licensing, as its siblings reach it.")
    fraud_url: Url = Field("http://127.0.0.1:8103", description="Fraud, as its siblings reach it.")
    run_workers: bool = Field(True, description="Whether `serve` runs the background loops too.")

    @model_validator(mode="after")
    def _keys_are_there(self) -> Self:
        if not self.seal_keys:
            raise ValueError("SEAL_KEYS: holds no key; give at least one version")
        return self


S = TypeVar("S", bound=ServiceSettings)


def load(settings: type[S]) -> S:
    """The settings from the environment; on a bad one, name each with its mend on stderr and exit 78."""
    try:
        return settings()
    except ValidationError as error:
        for line in complaints(error, settings):
            sys.stderr.write(line + "\n")
        raise SystemExit(EXIT_BAD_SETTINGS) from None


def complaints(error: ValidationError, settings: type[ServiceSettings]) -> list[str]:
    """One line for each bad setting: its name, what is wrong and what it is for. Never its value."""
    return [_complaint(fault, settings) for fault in error.errors(include_input=False, include_url=False)]


def _complaint(fault: Any, settings: type[ServiceSettings]) -> str:
    location = fault["loc"]
    message = fault["msg"].removeprefix("Value error, ")
    if not location:
        return str(message)
    name = str(location[0])
    wrong = "is not set" if fault["type"] == "missing" else message
    info = settings.model_fields.get(name.lower())
    return f"{name.upper()}: {wrong}. It is: {info.description if info else 'a setting'}"


def described(settings: type[ServiceSettings]) -> list[str]:
    """Every setting with its default and its description, a line each."""
    lines = []
    for name, info in settings.model_fields.items():
        default = "(required)" if info.is_required() else f"(default: {info.default!r})"
        lines.append(f"{name.upper()} {default}\n    {info.description}")
    return lines
