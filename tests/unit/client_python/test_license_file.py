"""What the platform's domain signs, the client verifies; anything else it refuses, each with its code."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client_python.signing import (
    CLAIMS,
    EXPIRES_AT,
    FINGERPRINT,
    GRACE,
    ISSUED_AT,
    KEY,
    NOW,
    OTHER_KEY,
    judged,
    pinned,
    signed,
)
from tollgate_client import Code, read_public_keys
from tollgate_client.license_file import BEGIN, END

VECTORS = json.loads((Path(__file__).parents[3] / "docs" / "license-file-vectors.json").read_text())
SECOND = timedelta(seconds=1)


def outer_of(text: str) -> dict[str, Any]:
    body = "".join(text.strip().splitlines()[1:-1])
    return json.loads(base64.b64decode(body))


def written(outer: object) -> str:
    return f"{BEGIN}\n{base64.b64encode(json.dumps(outer).encode()).decode()}\n{END}\n"


def with_claims(**claims: Any) -> str:
    """A file that is rightly signed over claims as they are given here, sensible or not."""
    said = {**json.loads(CLAIMS.as_json()), **claims}
    enc = base64.b64encode(json.dumps({name: value for name, value in said.items() if value != "LACKS"}).encode())
    sig = base64.b64encode(KEY.sign(b"license/" + enc)).decode()
    return written({"enc": enc.decode(), "sig": sig, "alg": "ed25519", "kid": KEY.kid})


def test_a_file_of_the_platforms_own_making_is_valid() -> None:
    verdict = judged(signed(), entitlements=["export", "söder"])
    assert (verdict.code, verdict.valid) == ("VALID", True)
    claims = verdict.claims
    assert claims is not None
    assert (claims.license_id, claims.server_id, claims.audience) == (CLAIMS.license_id, "web-1", CLAIMS.audience)
    assert (claims.issued_at, claims.expires_at, claims.ends_at) == (ISSUED_AT, EXPIRES_AT, EXPIRES_AT + GRACE)
    assert (claims.entitlements, claims.sequence) == ({"export", "söder"}, 2)


def test_a_files_bytes_are_read_as_its_text() -> None:
    assert judged(signed().encode()).code == Code.VALID


@pytest.mark.parametrize("text", [None, b"", b"\xff\xfe", "\u00e9".encode(), b"x" * 300_000, 7, [signed()]])
def test_what_is_no_text_is_malformed(text: Any) -> None:
    assert judged(text).code == Code.MALFORMED


def test_an_encrypted_file_is_valid_on_its_machine() -> None:
    assert judged(signed(encrypted_to=FINGERPRINT)).code == Code.VALID


@pytest.mark.parametrize("fingerprint", [None, "", "another"])
def test_an_encrypted_file_says_nothing_elsewhere(fingerprint: str | None) -> None:
    verdict = judged(signed(encrypted_to=FINGERPRINT), fingerprint=fingerprint)
    assert (verdict.code, verdict.claims) == (Code.FINGERPRINT_MISMATCH, None)


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: vector["name"])
def test_the_documented_vectors_are_read_alike(vector: dict[str, Any]) -> None:
    said = vector["claims"]
    verdict = judged(
        vector["file"],
        public_keys=read_public_keys(json.dumps({VECTORS["kid"]: VECTORS["public_key"]})),
        audience=said["audience"],
        server_id=said["server_id"],
        fingerprint=said["fingerprint"],
        entitlements=said["entitlements"],
    )
    assert verdict.code == Code.VALID
    assert verdict.claims is not None and verdict.claims.sequence == said["sequence"]


@pytest.mark.parametrize(
    ("code", "file", "here"),
    [
        (Code.WRONG_AUDIENCE, {}, {"audience": "https://other.example"}),
        (Code.WRONG_SERVER, {}, {"server_id": "web-2"}),
        (Code.FINGERPRINT_MISMATCH, {}, {"fingerprint": "another"}),
        (Code.FINGERPRINT_MISMATCH, {}, {"fingerprint": None}),
        (Code.VALID, {"fingerprint": None}, {"fingerprint": None}),
        (Code.VALID, {"fingerprint": None}, {"fingerprint": "any"}),
        (Code.ENTITLEMENTS_MISSING, {}, {"entitlements": ["export", "import"]}),
        (Code.UNKNOWN_KEY, {}, {"public_keys": pinned(OTHER_KEY)}),
        (Code.UNKNOWN_KEY, {}, {"public_keys": {}}),
        (Code.BAD_SIGNATURE, {}, {"public_keys": {KEY.kid: pinned(OTHER_KEY)[OTHER_KEY.kid]}}),
        (Code.UNKNOWN_KEY, {}, {"public_keys": pinned(retired_at=ISSUED_AT - SECOND)}),
        (Code.VALID, {}, {"public_keys": pinned(not_before=ISSUED_AT, retired_at=ISSUED_AT)}),
        (Code.UNKNOWN_KEY, {}, {"public_keys": pinned(not_before=ISSUED_AT + SECOND)}),
        (Code.VALID, {}, {"now": EXPIRES_AT - SECOND}),
        (Code.GRACE, {}, {"now": EXPIRES_AT}),
        (Code.GRACE, {}, {"now": EXPIRES_AT + GRACE - SECOND}),
        (Code.EXPIRED, {}, {"now": EXPIRES_AT + GRACE}),
        (Code.EXPIRED, {"grace_seconds": 0}, {"now": EXPIRES_AT}),
        (Code.VALID, {}, {"now": ISSUED_AT - timedelta(minutes=5)}),
        (Code.NOT_YET_VALID, {}, {"now": ISSUED_AT - timedelta(minutes=5) - SECOND}),
    ],
)
def test_each_refusal_has_its_code(code: Code, file: dict[str, Any], here: dict[str, Any]) -> None:
    verdict = judged(signed(**file), **here)
    assert (verdict.code, verdict.valid) == (code, code in (Code.VALID, Code.GRACE))


def test_one_changed_character_of_the_claims_breaks_the_signature() -> None:
    outer = outer_of(signed())
    claims = base64.b64decode(outer["enc"]).replace(b'"sequence":2', b'"sequence":3')
    assert judged(written({**outer, "enc": base64.b64encode(claims).decode()})).code == Code.BAD_SIGNATURE


def test_a_signature_over_other_words_is_none() -> None:
    """It is bound to license files, so that nothing else that the key signs passes for one."""
    outer = outer_of(signed())
    sig = base64.b64encode(KEY.sign(outer["enc"].encode())).decode()
    assert judged(written({**outer, "sig": sig})).code == Code.BAD_SIGNATURE


def test_an_encrypted_file_cannot_be_passed_off_as_a_plain_one() -> None:
    outer = outer_of(signed(encrypted_to=FINGERPRINT))
    assert judged(written({**outer, "alg": "ed25519"})).code == Code.MALFORMED


@pytest.mark.parametrize("changed", ["\n  ", "\r\n", "\t", ""])
def test_lines_may_be_broken_otherwise(changed: str) -> None:
    lines = signed().splitlines()
    assert judged("\n\n" + "\r\n".join([lines[0], changed.join(lines[1:-1]), lines[-1]]) + "  \n").code == Code.VALID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-----BEGIN LICENSE FILE-----",
        f"{BEGIN}{END}",
        signed().replace("BEGIN", "START"),
        "first " + signed(),
        signed() + "more",
        signed()[:200] + END,
        signed().replace("eyJ", "e*J", 1),
        written([]),
        written({}),
        written({**outer_of(signed()), "more": "text"}),
        written({**outer_of(signed()), "kid": 1}),
        written({**outer_of(signed()), "alg": "none"}),
        written({**outer_of(signed()), "alg": "ED25519"}),
        written({**outer_of(signed()), "sig": "!"}),
        f"{BEGIN}\n{base64.b64encode(b'[' * 100_000).decode()}\n{END}",
        BEGIN + "A" * 1_000_000 + END,
    ],
    ids=range(17),
)
def test_what_is_no_license_file_is_malformed(text: str) -> None:
    assert judged(text).code == Code.MALFORMED


@pytest.mark.parametrize(
    "claims",
    [
        {"expires_at": "LACKS"},
        {"expires_at": "2027-02-28T12:00:00"},
        {"expires_at": "2027-02-28T12:00:00+00:00"},
        {"expires_at": "2027-02-30T12:00:00Z"},
        {"expires_at": 1803816000},
        {"grace_seconds": -1},
        {"grace_seconds": 1.5},
        {"grace_seconds": True},
        {"grace_seconds": 10**9, "expires_at": "9999-12-31T00:00:00Z"},
        {"sequence": 0},
        {"sequence": "2"},
        {"entitlements": "export"},
        {"entitlements": [1]},
        {"license_id": None},
        {"fingerprint": 7},
    ],
)
def test_signed_nonsense_is_malformed(claims: dict[str, Any]) -> None:
    assert judged(with_claims(**claims)).code == Code.MALFORMED


def test_claims_of_later_versions_are_left_alone() -> None:
    assert judged(with_claims(seats=5)).code == Code.VALID


def test_a_verdict_is_as_true_as_it_is_valid() -> None:
    assert judged(signed())
    assert not judged(signed(), server_id="web-2")


def test_a_clock_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        judged(signed(), now=NOW.replace(tzinfo=None))
