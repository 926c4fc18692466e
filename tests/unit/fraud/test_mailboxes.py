"""The mailbox behind an address: aliases of one are one, and nobody else's is taken for it."""

import pytest

from shared.contracts.identity_hashes import email_hash, mailbox_hash, normal_email
from shared.contracts.mailboxes import mailbox_of

KEY = bytes(32)


@pytest.mark.parametrize(
    ("alias", "mailbox"),
    [
        ("a.d.a@gmail.com", "ada@gmail.com"),
        ("Ada+shop@GoogleMail.com", "ada@gmail.com"),
        ("a.da+1+2@gmail.com", "ada@gmail.com"),
        ("ada+x@outlook.com", "ada@outlook.com"),
        ("ada+x@me.com", "ada@icloud.com"),
        ("ada+x@protonmail.com", "ada@proton.me"),
        ("ada+x@fastmail.fm", "ada@fastmail.fm"),
    ],
)
def test_alias_leads_to_its_mailbox(alias: str, mailbox: str) -> None:
    assert mailbox_of(normal_email(alias)) == mailbox
    assert mailbox_hash(alias, KEY) == mailbox_hash(mailbox, KEY)
    assert email_hash(alias, KEY) != email_hash(mailbox, KEY)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.da@example.com", "ada@example.com"),
        ("ada+x@example.com", "ada@example.com"),
        ("a.da@outlook.com", "ada@outlook.com"),
        ("ada@outlook.com", "ada@hotmail.com"),
        ("ada@gmail.com", "ada@gmail.com.example.com"),
        ("+x@gmail.com", "+y@gmail.com"),
    ],
)
def test_two_peoples_mailboxes_stay_two(one: str, other: str) -> None:
    assert mailbox_hash(one, KEY) != mailbox_hash(other, KEY)


def test_digests_of_address_and_mailbox_are_of_two_kinds() -> None:
    assert mailbox_hash("ada@example.com", KEY) != email_hash("ada@example.com", KEY)
