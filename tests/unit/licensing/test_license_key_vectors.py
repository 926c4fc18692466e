"""Keys that must never come out otherwise: whoever keeps one and its makings must find them alike in ten years."""

from datetime import UTC, datetime

import pytest

from services.licensing.domain.license_key import Makings, make_license_key

VECTORS = [
    (
        ("cus_TollgateVector1", "sub_TollgateVector1", 1767225600, "000102030405060708090a0b0c0d0e0f"),
        "00" * 32,
        "46331212de98323e2f9a962b9290f35e4a437d51da0448e628f67eea8c297a45"
        "caf17495520566d6ec85157ad5f1cc3bf7b2c2dceada0178ec06b91447192daf",
        "a863695447c9ad4d6a2f2069c50192889fae36ebcee7d47dfda163f4a6d3a146"
        "afd6714ae472af618bae0050ddddad8b9e58430c351d00f32cad059f62041c0d",
    ),
    (
        ("cus_2", "sub_2", 1798675199, "ff" * 16),
        "746f6c6c67617465206d617374657220736563726574206f662074776f212121",
        "b8056ca236c56e730db568863af3c19b7697f5a6c6d5520778fa8c0fa2f7e713"
        "3521449160bfc6a96393f05a744e95b38af035025c0fdfb02a559ff987b58a2f",
        "2c271548ff2bf891fb695fe5e5455ca20bdd2481a2a54794a4170f68997da5b6"
        "255ed352ae4b526ad5a7f2ec1e5d6dc037c9bc769677ed29988d25ea0205a747",
    ),
    (
        ("acct_01", "lic_01", 1709164800, "5a" * 32),
        "ab" * 64,
        "ad6984643b8606ee6b73a7f02c8b658fe0a5f3e0b728f38797967bdc86ba059c"
        "311f35a913a84e7f4dec48ee14c29e49af4a543f3e69ccd5e8df8901e9ef537a",
        "b268a44b017097e9e9800a8aa21e61d017ba40b60719af07af3422b13ab069a4"
        "8df612ddded0addf82cd28c64a0fd0ba49cadddc42548f7fd3eb68351fcb0bbd",
    ),
]
"""What the key is made of, the secret, the body, the seal. Made by a few lines of Python's hashlib and hmac alone."""


@pytest.mark.parametrize(("made_of", "secret", "body", "seal"), VECTORS)
def test_key_is_the_known_one(made_of: tuple[str, str, int, str], secret: str, body: str, seal: str) -> None:
    customer_id, subscription_id, stamp, salt = made_of
    makings = Makings(customer_id, subscription_id, datetime.fromtimestamp(stamp, UTC), bytes.fromhex(salt))
    key = make_license_key(makings, bytes.fromhex(secret))
    assert (key.body, key.seal) == (body, seal)


def test_key_is_printed_in_sixteen_groups() -> None:
    (made_of, secret, *_), *_ = VECTORS
    customer_id, subscription_id, stamp, salt = made_of
    makings = Makings(customer_id, subscription_id, datetime.fromtimestamp(stamp, UTC), bytes.fromhex(salt))
    key = make_license_key(makings, bytes.fromhex(secret))
    assert key.printed().startswith("46331212de98323e-2f9a962b9290f35e-4a437d51da0448e6-")
    assert key.digits not in repr(key) and len(key.printed()) == 16 * 16 + 15
