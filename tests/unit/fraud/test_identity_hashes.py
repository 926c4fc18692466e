"""One address has one digest, in every service."""

import pytest

from shared.contracts.identity_hashes import domain_hash, email_hash

KEY = b"k" * 32


@pytest.mark.parametrize("spelling", ["eve@example.com", " Eve@Example.COM ", "eve@example.com.", "EVE@EXAMPLE.COM"])
def test_spellings_of_one_address_have_one_digest(spelling: str) -> None:
    assert email_hash(spelling, KEY) == email_hash("eve@example.com", KEY)
    assert domain_hash(spelling, KEY) == domain_hash("example.com", KEY)


def test_international_domain_has_the_digest_of_its_ascii_form() -> None:
    assert email_hash("eve@München.de", KEY) == email_hash("eve@xn--mnchen-3ya.de", KEY)
    assert domain_hash("münchen.de", KEY) == domain_hash("xn--mnchen-3ya.de", KEY)


def test_address_domain_and_key_are_told_apart() -> None:
    digests = {
        email_hash("eve@example.com", KEY),
        email_hash("eva@example.com", KEY),
        email_hash("eve@example.com", b"x" * 32),
        domain_hash("example.com", KEY),
        email_hash("example.com", KEY),
    }
    assert len(digests) == 5
