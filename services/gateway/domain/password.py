"""What a password must be (ASVS 5.0, V6.2): long enough, of any characters, and never cut short."""

import unicodedata
from collections.abc import Mapping

from shared.errors import DomainError, Invalid

SHORTEST = 8
LONGEST = 256


class InvalidCredentials(DomainError):
    """One answer for an unknown email and a wrong password."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__("invalid_credentials", "The email or the password is wrong.", headers=headers)


class Overloaded(DomainError):
    """More password checks wait than we work on in good time."""

    def __init__(self) -> None:
        super().__init__(
            "overloaded", "Too many people are signing in at this moment. Try again soon.", headers={"Retry-After": "1"}
        )


def new_password(text: str) -> str:
    """The password as it is hashed (NFC, so that every keyboard types the same), or Invalid."""
    if not SHORTEST <= len(text) <= LONGEST:
        raise Invalid("/password", f"must have {SHORTEST} to {LONGEST} characters")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("/password", "must be text without NUL")
    return unicodedata.normalize("NFC", text)


def presented_password(text: str) -> str:
    """A password at sign-in: what could never have been set is refused as Invalid before it costs anything."""
    if len(text) > LONGEST:
        raise Invalid("/password", f"must have at most {LONGEST} characters")
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("/password", "must be text without NUL")
    return unicodedata.normalize("NFC", text)
