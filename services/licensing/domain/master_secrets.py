"""The versions of the master secret that seals license keys. The highest makes new keys; all verify. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from services.licensing.domain.license_key import SECRET_BYTES

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class MasterSecrets:
    """At least one, by version. It has no repr, so that it reaches no log."""

    by_version: Mapping[int, bytes]

    @classmethod
    def of(cls, texts: Mapping[int, str]) -> Self:
        """From texts, whose UTF-8 bytes are the secrets. ValueError with the setting's name and its mend."""
        if not texts:
            raise ValueError("LICENSE_MASTER_SECRET: is not set; make one with `openssl rand -base64 48`")
        secrets = {version: text.encode() for version, text in texts.items()}
        for version, secret in secrets.items():
            if version < FIRST_VERSION:
                raise ValueError("LICENSE_MASTER_SECRETS: versions count from 1")
            if len(secret) < SECRET_BYTES:
                raise ValueError(f"LICENSE_MASTER_SECRET: version {version} is shorter than {SECRET_BYTES} bytes")
        return cls(secrets)

    @property
    def current(self) -> int:
        """The version that makes new keys."""
        return max(self.by_version)

    def unknown(self, versions: Iterable[int]) -> list[int]:
        """Those that are not at hand."""
        return sorted(set(versions) - set(self.by_version))
