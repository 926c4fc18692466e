"""An API key as calls meet it, without the key."""

from dataclasses import dataclass
from datetime import datetime

from services.gateway.domain.account import Identity, Role, Status, Tier
from services.gateway.domain.api_key_limits import Limits
from services.gateway.domain.key_access import is_allowed_from, is_in_scope


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key that is neither revoked nor, when it was found, expired. `per_minute` and `per_day` are what holds in the
    end; None is no limit."""

    key_id: str
    identity: Identity
    scopes: tuple[str, ...]
    allowed_ips: tuple[str, ...]
    limits: Limits
    expires_at: datetime | None
    banned_until: datetime | None

    @property
    def account_id(self) -> str:
        return self.identity.account_id

    @property
    def account_status(self) -> Status:
        return self.identity.status

    @property
    def role(self) -> Role:
        return self.identity.role

    @property
    def tier(self) -> Tier:
        return self.identity.tier

    @property
    def per_minute(self) -> int | None:
        return self.limits.per_minute

    @property
    def per_day(self) -> int | None:
        return self.limits.per_day

    def has_expired(self, at: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= at

    def is_banned(self, at: datetime) -> bool:
        return self.banned_until is not None and at < self.banned_until

    def covers(self, scope: str) -> bool:
        """Whether its scopes reach `credits:read`, `usage:read` or `proxy:{route}`."""
        return is_in_scope(self.scopes, scope)

    def may_call(self, route: str) -> bool:
        """Whether its scopes reach a route; most keys reach all."""
        return "proxy" in self.scopes or self.covers(f"proxy:{route}")

    def may_come_from(self, address: str) -> bool:
        return is_allowed_from(self.allowed_ips, address)
