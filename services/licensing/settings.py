"""What an operator may turn in licensing."""

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from services.licensing.domain.master_secrets import FIRST_VERSION, MasterSecrets
from shared.settings import ServiceSettings, object_of

SecretsByVersion = Annotated[dict[int, SecretStr], NoDecode, BeforeValidator(object_of)]


class Settings(ServiceSettings):
    """Licensing's own, beside what every service needs."""

    license_master_secret: SecretStr | None = Field(
        None,
        description="What license keys are sealed with (L3): 32 bytes of text or more, drawn at random. It is version 1"
        " of the master secret; whoever has it can make keys. Losing it makes every key of its version worthless.",
    )
    license_master_secrets: SecretsByVersion = Field(
        {},
        description='Further versions of the master secret, a JSON object from version to text: {"2": "..."}. The'
        " highest makes new keys, all are accepted; `tollgate licenses secrets` says which are in use no more.",
    )
    license_days: int = Field(
        30, ge=1, le=36_500, description="Days that a license made by hand is valid by default (L5)."
    )
    license_max_activations: int = Field(
        1, ge=1, le=1_000_000, description="Servers that a license made by hand may be active on by default (L5)."
    )
    validations_per_minute_address: int = Field(
        60, ge=1, le=1_000_000, description="Validations a minute that one address may ask for."
    )
    validations_per_minute_key: int = Field(
        30, ge=1, le=1_000_000, description="Validations a minute of one license key."
    )
    license_audience: str = Field(
        "", max_length=200, description="Whose software license files are for, as they say it. Empty: PUBLIC_URL."
    )
    license_cache_entries: int = Field(
        50_000, ge=1, le=10_000_000, description="License keys that one process remembers for validation, 2 kB each."
    )

    @model_validator(mode="after")
    def _secrets_are_there(self) -> Self:
        _ = self.master_secrets
        return self

    @property
    def master_secrets(self) -> MasterSecrets:
        """All versions. ValueError where there is none, or one is too short or said twice."""
        texts = {version: secret.get_secret_value() for version, secret in self.license_master_secrets.items()}
        if self.license_master_secret is not None:
            first = self.license_master_secret.get_secret_value()
            if texts.setdefault(FIRST_VERSION, first) != first:
                raise ValueError("LICENSE_MASTER_SECRETS: version 1 is another secret than LICENSE_MASTER_SECRET")
        return MasterSecrets.of(texts)
