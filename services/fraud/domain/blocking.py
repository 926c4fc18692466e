"""What of a payment comes onto the blacklist when an operator blocks whoever made it (S15)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.fraud.domain.blacklist import Draft, Kind, of_digest
from shared.errors import Invalid

Blockable = Literal["email", "device", "card", "ip", "account"]
BY_DEFAULT: tuple[Blockable, ...] = ("email", "device", "card", "ip")


@dataclass(frozen=True, slots=True)
class PaidWith:
    """By what a payment can be recognized again; None where it is not known. Of the email only its digest is."""

    account_id: str
    email_match: str | None = None
    device_id: str | None = None
    card: str | None = None
    ip: str | None = None

    def value(self, kind: Blockable) -> str | None:
        """What an entry of that kind says, in its normal form."""
        values = {
            "email": None if self.email_match is None else of_digest(self.email_match),
            "device": self.device_id,
            "card": self.card,
            "ip": self.ip,
            "account": self.account_id,
        }
        return values[kind]


def entries_against(
    paid_with: PaidWith,
    *,
    kinds: Collection[Blockable] | None,
    reason: str | None,
    source: str,
    expires_at: datetime,
) -> Sequence[Draft]:
    """The entries that block whoever paid so: of the kinds that were asked for, which must all be known, or else of
    those of BY_DEFAULT that are. Raises Invalid."""
    for kind in kinds or ():
        if paid_with.value(kind) is None:
            raise Invalid("/kinds", f"{kind} is not known of this payment")
    wanted: Collection[Kind] = BY_DEFAULT if kinds is None else kinds
    return [
        Draft(kind, value, reason, source, expires_at)
        for kind in dict.fromkeys(wanted)
        if (value := paid_with.value(kind)) is not None  # type: ignore[arg-type]
    ]
