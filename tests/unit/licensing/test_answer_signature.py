"""The signature of answers, byte for byte."""

from datetime import UTC, datetime

import pytest

from services.licensing.domain.answer_signature import content_digest, signature_base, signed_headers
from services.licensing.domain.master_secrets import MasterSecrets

AT = datetime(2027, 1, 31, tzinfo=UTC)


def test_the_digest_is_rfc_9530s_own_example() -> None:
    assert content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"


def test_what_is_signed_is_what_rfc_9421_says() -> None:
    signed: list[bytes] = []

    def sign(message: bytes) -> bytes:
        signed.append(message)
        return b"signature"

    headers = signed_headers(sign, kid="k1", status=200, body=b"{}", nonce="n", at=AT)
    parameters = '("@status" "content-digest");created=1801353600;keyid="k1";alg="ed25519";nonce="n"'
    assert headers == {
        "Content-Digest": "sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:",
        "Signature-Input": f"license={parameters}",
        "Signature": "license=:c2lnbmF0dXJl:",
    }
    assert signed == [signature_base(200, headers["Content-Digest"], parameters)]
    assert signed[0].decode().splitlines() == [
        '"@status": 200',
        '"content-digest": sha-256=:RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=:',
        f'"@signature-params": {parameters}',
    ]


def test_without_a_nonce_none_is_named() -> None:
    headers = signed_headers(lambda _message: b"", kid="k1", status=200, body=b"", nonce=None, at=AT)
    assert headers["Signature-Input"].endswith('alg="ed25519"')


@pytest.mark.parametrize("texts", [{}, {1: "short"}, {0: "x" * 32}, {1: "x" * 32, 2: "y" * 31}])
def test_master_secrets_that_would_not_do_are_refused(texts: dict[int, str]) -> None:
    with pytest.raises(ValueError, match="LICENSE_MASTER_SECRET"):
        MasterSecrets.of(texts)


def test_the_newest_master_secret_makes_keys() -> None:
    secrets = MasterSecrets.of({1: "x" * 32, 3: "y" * 32})
    assert secrets.current == 3 and secrets.unknown([1, 2, 3, 4]) == [2, 4]
    assert "xxx" not in repr(secrets)
