"""A license file's bytes, and how long it lasts."""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.licensing.domain.license import BillingState, License, LicenseId, Origin
from services.licensing.domain.license_file import Claims, Encryption, Term, file_of, term_of
from services.licensing.domain.signing_key import ListedKey, signer_at, signing_key_of

NOW = datetime(2027, 1, 31, 12, 0, 0, 400, tzinfo=UTC)
WHOLE = NOW.replace(microsecond=0)
DAY = timedelta(days=1)
VECTORS = json.loads((Path(__file__).resolve().parents[3] / "docs" / "license-file-vectors.json").read_text())
KEY = signing_key_of(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS["seed"])))
PUBLIC = Ed25519PublicKey.from_public_bytes(base64.b64decode(VECTORS["public_key"]))
LICENSE = License(
    LicenseId("lic_1"),
    "acct_1",
    None,
    Origin.SUBSCRIPTION,
    NOW,
    subscription_id="sub_1",
    billing_state=BillingState.GOOD,
    expires_at=WHOLE + 30 * DAY,
    grace_seconds=259_200,
)


def outer_of(file: str) -> dict[str, str]:
    found = re.fullmatch(r"-----BEGIN LICENSE FILE-----\n([\s\S]+)\n-----END LICENSE FILE-----\n", file)
    assert found is not None
    outer: dict[str, str] = json.loads(base64.b64decode(found[1].replace("\n", ""), validate=True))
    return outer


def payload_of(outer: dict[str, str], fingerprint: str | None = None) -> Any:
    payload = base64.b64decode(outer["enc"])
    if outer["alg"] == "aes-256-gcm+ed25519":
        assert fingerprint is not None
        key = HKDF(SHA256(), 32, salt=payload[:16], info=b"tollgate license file").derive(fingerprint.encode())
        payload = AESGCM(key).decrypt(payload[16:28], payload[28:], None)
    return json.loads(payload)


def opened(file: str, fingerprint: str | None = None) -> Any:
    """As docs/license-files.md says: the signature first, then the claims."""
    outer = outer_of(file)
    PUBLIC.verify(base64.b64decode(outer["sig"]), b"license/" + outer["enc"].encode())
    return payload_of(outer, fingerprint)


def claims_of(said: dict[str, Any]) -> Claims:
    instants = {name: datetime.fromisoformat(said[name]) for name in ("issued_at", "expires_at")}
    return Claims(**{**said, **instants, "entitlements": tuple(said["entitlements"])})


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_file_is_the_known_one(vector: dict[str, Any]) -> None:
    encryption = None
    if "salt" in vector:
        salt, nonce = bytes.fromhex(vector["salt"]), bytes.fromhex(vector["nonce"])
        encryption = Encryption(vector["fingerprint"], salt, nonce)
    assert KEY.kid == VECTORS["kid"] == outer_of(vector["file"])["kid"]
    assert file_of(claims_of(vector["claims"]), KEY, encryption) == vector["file"]
    assert opened(vector["file"], vector.get("fingerprint")) == vector["claims"]


def test_lines_are_short_and_ascii() -> None:
    for line in VECTORS["files"][0]["file"].splitlines():
        assert len(line) <= 64 and line.isascii()


def test_a_changed_claim_breaks_the_signature() -> None:
    outer = outer_of(VECTORS["files"][0]["file"])
    claims = base64.b64decode(outer["enc"]).replace(b"2027-02-28", b"2037-02-28")
    forged = base64.b64encode(claims)
    with pytest.raises(InvalidSignature):
        PUBLIC.verify(base64.b64decode(outer["sig"]), b"license/" + forged)


def test_another_fingerprint_reads_nothing() -> None:
    encrypted = next(each["file"] for each in VECTORS["files"] if "salt" in each)
    assert "web-1" not in base64.b64decode(outer_of(encrypted)["enc"]).decode("latin-1")
    with pytest.raises(InvalidTag):
        opened(encrypted, "another")


@pytest.mark.parametrize(
    ("expires_in", "grace", "ttl", "expected"),
    [
        pytest.param(30 * DAY, 259_200, None, (30 * DAY, 259_200), id="as long as the license"),
        pytest.param(30 * DAY, 259_200, DAY, (DAY, 0), id="less was asked for: no grace after it"),
        pytest.param(30 * DAY, 259_200, 90 * DAY, (30 * DAY, 259_200), id="more was asked for than is paid"),
        pytest.param(30 * DAY, 259_200, 31 * DAY, (30 * DAY, 86_400), id="the grace is cut where the ttl ends"),
        pytest.param(-DAY, 259_200, None, (-DAY, 259_200), id="made in grace"),
        pytest.param(-DAY, 259_200, timedelta(hours=1), (-DAY, 90_000), id="made in grace, for an hour"),
        pytest.param(None, 0, None, (30 * DAY, 0), id="a license without an end"),
        pytest.param(None, 0, DAY, (DAY, 0), id="a license without an end, for a day"),
        pytest.param(900 * DAY, 60, None, (366 * DAY, 0), id="a year at most"),
    ],
)
def test_file_ends_with_the_license_or_before(
    expires_in: timedelta | None, grace: int, ttl: timedelta | None, expected: tuple[timedelta, int]
) -> None:
    expires_at = None if expires_in is None else WHOLE + expires_in
    license = replace(LICENSE, expires_at=expires_at, grace_seconds=grace)
    assert term_of(license, now=NOW, ttl=ttl) == Term(WHOLE + expected[0], expected[1])


def test_one_key_signs_at_a_time_and_the_next_is_known_before() -> None:
    old = ListedKey("old", b"", NOW, NOW + DAY)
    new = ListedKey("new", b"", NOW + DAY, None)
    assert signer_at([new, old], NOW + DAY - timedelta(microseconds=1)) is old
    assert signer_at([old, new], NOW + DAY) is new
    assert signer_at([old, new], NOW - timedelta(seconds=1)) is old, "a clock that is behind the maker's"


def test_a_signing_key_shows_nothing_of_itself() -> None:
    assert bytes.fromhex(VECTORS["seed"]).hex() not in repr(KEY) and "private" not in repr(KEY)
