"""An API key as its owner and operators see it: never the key itself."""

from dataclasses import dataclass
from datetime import datetime

from services.gateway.domain.api_key_limits import KeyLimits
from shared.errors import DomainError, Invalid


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One row of `api_keys`."""

    id: str
    account_id: str
    name: str
    prefix: str
    last4: str
    scopes: tuple[str, ...]
    allowed_ips: tuple[str, ...]
    limits: KeyLimits
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    banned_until: datetime | None
    rotated_from: str | None

    def is_live(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > at)


class TooManyKeys(DomainError):
    """The account has as many live keys as it may."""

    def __init__(self, most: int) -> None:
        super().__init__("too_many_keys", f"An account may have {most} live keys; revoke one first.")


def valid_expiry(expires_at: datetime | None, *, at: datetime) -> datetime | None:
    """An end in the future, or none."""
    if expires_at is not None and expires_at <= at:
        raise Invalid("/expires_at", "must be in the future")
    return expires_at
