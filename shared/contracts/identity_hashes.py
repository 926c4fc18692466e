"""The digests by which services speak of an email address without saying it (S16).

The gateway, which alone holds addresses, puts them into a caller's claims; fraud makes the same of what an operator
lists. Both use the one `BLIND_INDEX_KEY`. Two spellings of one address have one digest: case, surrounding space, a
domain's final dot and its international form do not matter.
"""

import unicodedata

from shared.contracts.mailboxes import mailbox_of
from shared.crypto import blind_index


def email_hash(email: str, key: bytes) -> str:
    """The digest of a whole address."""
    return blind_index(f"email:{normal_email(email)}", key)


def mailbox_hash(email: str, key: bytes) -> str:
    """The digest of the mailbox that an address leads to: of all its aliases the same."""
    return blind_index(f"mailbox:{mailbox_of(normal_email(email))}", key)


def domain_hash(email: str, key: bytes) -> str:
    """The digest of an address's domain; a bare domain is taken as it is."""
    return blind_index(f"domain:{normal_domain(email.rpartition('@')[2])}", key)


def address_hash(address: str, key: bytes) -> str:
    """The digest of a network address in its normal form."""
    return blind_index(f"ip:{address}", key)


def normal_email(email: str) -> str:
    """An address as it is compared: without case, its domain in the form that DNS knows."""
    local, at, domain = email.strip().rpartition("@")
    return f"{unicodedata.normalize('NFC', local).lower()}{at}{normal_domain(domain)}"


def normal_domain(domain: str) -> str:
    """A domain in lower case and ASCII (`München.de.` -> `xn--mnchen-3ya.de`)."""
    name = unicodedata.normalize("NFC", domain.strip()).lower().removesuffix(".")
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name
