"""An account: who may sign in and whose keys, credits and licenses the rest are.

Emails compare without case. Two kinds of value: `Account` for its owner and operators, with personal data;
`Identity` for every request, without any.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.identity_hashes import normal_email
from shared.errors import DomainError, Invalid

Role = Literal["customer", "operator"]
Tier = Literal["new", "verified", "enterprise"]
Status = Literal["active", "suspended"]

LONGEST_EMAIL = 254
LONGEST_LOCAL_PART = 64
LONGEST_NAME = 100

_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


class EmailTaken(DomainError):
    """Another account has this address, in whatever letter case."""

    def __init__(self) -> None:
        super().__init__("email_taken", "An account with this email exists. Sign in, or reset its password.")


class AccountSuspended(DomainError):
    """A suspended account may sign in and read; it changes nothing and its keys open nothing."""

    def __init__(self) -> None:
        super().__init__("account_suspended", "This account is suspended: it may sign in and read, nothing more.")


@dataclass(frozen=True, slots=True)
class Identity:
    """What every request needs to know of its account: what it may, and digests for fraud's lists."""

    account_id: str
    role: Role
    tier: Tier
    status: Status
    credit_limit_minor: int | None
    email_hash: str
    domain_hash: str
    mailbox_hash: str | None = None

    @property
    def is_operator(self) -> bool:
        return self.role == "operator"

    @property
    def is_suspended(self) -> bool:
        return self.status == "suspended"


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its personal data, unsealed."""

    identity: Identity
    email: str
    name: str | None
    country: str | None
    email_verified_at: datetime | None
    first_key_at: datetime | None
    created_at: datetime

    def __repr__(self) -> str:
        return f"Account({self.identity.account_id})"


def valid_email(text: str) -> str:
    """The address in the one form that we keep and compare, or Invalid."""
    if len(text) > LONGEST_EMAIL or not text.isascii():
        raise Invalid("/email", f"must be an ASCII address of at most {LONGEST_EMAIL} characters")
    email = normal_email(text)
    local, at, domain = email.rpartition("@")
    labels = domain.split(".")
    well_formed = (
        bool(at)
        and len(local) <= LONGEST_LOCAL_PART
        and _LOCAL_PART.fullmatch(local) is not None
        and len(labels) > 1
        and all(_LABEL.fullmatch(label) for label in labels)
    )
    if not well_formed:
        raise Invalid("/email", "must be an address such as ada@example.com")
    return email


def valid_name(text: str, *, pointer: str = "/name") -> str:
    """A name of 1 to 100 characters that prints on one line, or Invalid."""
    name = unicodedata.normalize("NFC", text).strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Invalid(pointer, f"must have 1 to {LONGEST_NAME} characters")
    if not _prints(name):
        raise Invalid(pointer, "must have no control characters")
    return name


def _prints(text: str) -> bool:
    """No controls, line ends, lone surrogates, nor marks that turn the writing direction."""
    return not any(
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or _turns(character) for character in text
    )


def _turns(character: str) -> bool:
    return unicodedata.bidirectional(character) in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
