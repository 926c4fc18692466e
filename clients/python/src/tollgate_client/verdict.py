"""What a check of a license answers: a value, never an exception.

`code` is stable and is what a program decides by. Beside the codes of files and of the platform (its `validate`) there
is UNREACHABLE: the platform didn't answer, or not with its signature, and no license file may or can stand in for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal


class Code(StrEnum):
    """Every code that this version knows. It equals its text, so one that a newer platform adds is compared alike."""

    VALID = "VALID"
    GRACE = "GRACE"
    """Past its end, within its grace: valid, but say so to somebody."""

    MALFORMED = "MALFORMED"
    BAD_SIGNATURE = "BAD_SIGNATURE"
    UNKNOWN_KEY = "UNKNOWN_KEY"
    """Signed by a key that isn't among the pinned ones, or wasn't in use when the file was issued."""
    WRONG_AUDIENCE = "WRONG_AUDIENCE"
    WRONG_SERVER = "WRONG_SERVER"
    FINGERPRINT_MISMATCH = "FINGERPRINT_MISMATCH"
    NOT_YET_VALID = "NOT_YET_VALID"
    EXPIRED = "EXPIRED"
    ROLLED_BACK = "ROLLED_BACK"
    """The clock is behind a time that was seen, or the file is older than one that was seen."""
    ENTITLEMENTS_MISSING = "ENTITLEMENTS_MISSING"

    NOT_FOUND = "NOT_FOUND"
    PENDING = "PENDING"
    REVOKED = "REVOKED"
    SUSPENDED = "SUSPENDED"
    NOT_ACTIVATED = "NOT_ACTIVATED"
    TOO_MANY_ACTIVATIONS = "TOO_MANY_ACTIVATIONS"
    HEARTBEAT_DEAD = "HEARTBEAT_DEAD"

    UNREACHABLE = "UNREACHABLE"


def code_of(text: object) -> str:
    """The code with that text, where this version knows it."""
    return Code.__members__.get(str(text), str(text))


GRANTING = frozenset({Code.VALID, Code.GRACE})


@dataclass(frozen=True, slots=True)
class Claims:
    """What a license file says, once its signature holds. Instants are aware UTC."""

    license_id: str
    server_id: str
    audience: str
    entitlements: frozenset[str]
    issued_at: datetime
    expires_at: datetime
    ends_at: datetime
    """`expires_at` and the grace."""
    sequence: int
    fingerprint: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`detail` is for people. `claims` are those of a file whose signature holds, also where it is refused; None where
    the platform itself answered (then `license` is what it told of the license) or nothing can be believed."""

    code: str
    detail: str
    claims: Claims | None = None
    source: Literal["file", "server", "nobody"] = "file"
    license: Mapping[str, Any] | None = None

    @property
    def valid(self) -> bool:
        return self.code in GRANTING

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"

    def __bool__(self) -> bool:
        """So that `if verify(...)` doesn't let everybody in."""
        return self.valid
