"""License files, made over HTTP and checked with nothing but the listed public keys."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.licensing.domain.license import AdminState
from services.licensing.domain.license_step import Action
from services.licensing.use_cases import signing
from shared.audit import COMMAND_LINE
from tests.integration.licensing_activations.conftest import (
    DAY,
    Held,
    Office,
    at_once,
    refused_with,
    seat_of,
    verdict_of,
)
from tests.support.keys import service_headers
from tests.unit.licensing.test_license_file import outer_of, payload_of


async def public_keys(office: Office) -> list[dict[str, Any]]:
    answer = await office.http.get("/api/v1/licenses/public-keys")
    assert answer.status_code == 200, answer.text
    keys: list[dict[str, Any]] = answer.json()["data"]
    return keys


async def opened(office: Office, answer: httpx.Response, fingerprint: str | None = None) -> Any:
    """The claims of a file whose signature one of the listed keys made."""
    assert answer.status_code == 201, answer.text
    outer = outer_of(answer.json()["file"])
    listed = {key["kid"]: base64.b64decode(key["public_key"]) for key in await public_keys(office)}
    public = Ed25519PublicKey.from_public_bytes(listed[outer["kid"]])
    public.verify(base64.b64decode(outer["sig"]), b"license/" + outer["enc"].encode())
    claims = payload_of(outer, fingerprint)
    assert answer.json()["expires_at"] == claims["expires_at"]
    return claims


async def ask(office: Office, held: Held, server_id: str = "web-1", **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    return await office.as_account(
        held.owner,
        "POST",
        f"/api/v1/licenses/{held.id}/file",
        json={"server_id": server_id, **more},
        headers=headers,
    )


async def ask_with_key(office: Office, license_id: str, **body: Any) -> httpx.Response:
    headers = {**service_headers("licensing"), "x-tollgate-caller-ip": "203.0.113.7"}
    return await office.http.post(f"/api/v1/licenses/{license_id}/file", json=body, headers=headers)


async def test_file_says_what_the_license_is_worth(office: Office) -> None:
    held = await office.license(entitlements=("export", "sso"))
    seat_of(await office.bear("activate", held.key, "web-1", fingerprint="f"))
    claims = await opened(office, await ask(office, held))
    assert (claims["license_id"], claims["server_id"], claims["fingerprint"]) == (held.id, "web-1", "f")
    assert claims["audience"] == office.licensing.settings.public_url
    assert claims["entitlements"] == ["export", "sso"] and claims["grace_seconds"] == 259_200
    issued, expires = (datetime.fromisoformat(claims[name]) for name in ("issued_at", "expires_at"))
    assert timedelta(days=29, hours=23) < expires - issued <= 30 * DAY
    short = await opened(office, await ask(office, held, ttl_seconds=3_600))
    assert datetime.fromisoformat(short["expires_at"]) - datetime.fromisoformat(short["issued_at"]) == timedelta(
        hours=1
    )
    assert short["grace_seconds"] == 0 and short["sequence"] == claims["sequence"] + 1 == 2


async def test_sequences_are_never_given_twice(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    answers = await at_once(*(ask(office, held) for _ in range(10)))
    assert sorted([(await opened(office, answer))["sequence"] for answer in answers]) == list(range(1, 11))


async def test_repeated_request_has_the_same_file(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    first, again = [await ask(office, held, headers={"idempotency-key": "once"}) for _ in range(2)]
    assert first.json() == again.json() and again.headers["idempotent-replayed"] == "true"


async def test_encrypted_file_is_for_the_fingerprint(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    refused_with(await ask(office, held, encrypted=True), 422, "validation_failed")
    seat_of(await office.bear("activate", held.key, "web-1", fingerprint="9f86d081"))
    answer = await ask(office, held, encrypted=True)
    claims = await opened(office, answer, "9f86d081")
    assert claims["license_id"] == held.id
    outer = outer_of(answer.json()["file"])
    assert outer["alg"] == "aes-256-gcm+ed25519" and held.id.encode() not in base64.b64decode(outer["enc"])


async def test_server_gets_its_file_with_the_license_key_alone(office: Office) -> None:
    held, other = await office.license(), await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    answer = await ask_with_key(office, held.id, server_id="web-1", license_key=held.key)
    assert (await opened(office, answer))["server_id"] == "web-1"
    refused_with(await ask_with_key(office, held.id, server_id="web-1"), 401, "unauthenticated")
    refused_with(await ask_with_key(office, held.id, server_id="web-1", license_key=other.key), 404, "not_found")
    assert verdict_of(await ask_with_key(office, held.id, server_id="web-1", license_key="0" * 256)) == "BAD_SIGNATURE"
    seat_of(await office.bear("activate", held.key, "web-1", fingerprint="f"))
    asked = {"server_id": "web-1", "license_key": held.key}
    for sent in ({}, {"fingerprint": "g"}):
        assert verdict_of(await ask_with_key(office, held.id, **asked, **sent)) == "FINGERPRINT_MISMATCH"
    answer = await ask_with_key(office, held.id, **asked, fingerprint="f")
    assert (await opened(office, answer))["fingerprint"] == "f"


async def test_whoever_brings_no_credential_is_told_nothing_of_the_body(office: Office) -> None:
    held = await office.license()
    path, headers = f"/api/v1/licenses/{held.id}/file", service_headers("licensing")
    for body in (b"", b"{", b"[]", b"{}", b'{"license_key": 1}', b'{"ttl_seconds": -1, "odd": true}', b"\xff", b"NaN"):
        refused_with(await office.http.post(path, content=body, headers=headers), 401, "unauthenticated")
    refused_with(await ask_with_key(office, held.id, license_key=held.key), 422, "validation_failed")
    refused_with(await ask(office, held, ttl_seconds=1), 422, "validation_failed")


async def test_strangers_get_no_file(office: Office) -> None:
    held, other = await office.license(), await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    refused_with(await ask(office, replace(held, owner=other.owner)), 404, "not_found")
    answer = await office.http.post(f"/api/v1/licenses/{held.id}/file", json={"server_id": "web-1"})
    refused_with(answer, 401, "unauthenticated")


async def test_no_file_for_what_is_not_active_or_not_valid(office: Office) -> None:
    held = await office.license()
    assert verdict_of(await ask(office, held)) == "NOT_ACTIVATED"
    seat_of(await office.bear("activate", held.key, "web-1"))
    office.clock.ahead = 31 * DAY
    grace = await opened(office, await ask(office, held))
    assert grace["expires_at"] < grace["issued_at"] and grace["grace_seconds"] == 259_200
    office.clock.ahead = 33 * DAY
    assert verdict_of(await ask(office, held)) == "EXPIRED"
    office.clock.ahead = timedelta(0)
    seat_of(await office.bear("deactivate", held.key, "web-1"))
    assert verdict_of(await ask(office, held)) == "NOT_ACTIVATED"
    seat_of(await office.bear("activate", held.key, "web-1"))
    await office.changed(held, Action.REVOKED, lambda license: replace(license, admin_state=AdminState.REVOKED))
    assert verdict_of(await ask(office, held)) == "REVOKED"


async def test_bounds_of_a_file_s_life(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    for ttl in (0, 59, 31_622_401, -1, 1.5, "60"):
        refused_with(await ask(office, held, ttl_seconds=ttl), 422, "validation_failed")
    for ttl in (60, 31_622_400):
        assert (await ask(office, held, ttl_seconds=ttl)).status_code == 201


async def test_first_key_is_made_once_whoever_asks(office: Office) -> None:
    signers = await at_once(*(signing.fresh_key(office.licensing) for _ in range(8)))
    assert len({key.kid for key in signers}) == 1  # type: ignore[attr-defined]
    assert len(await public_keys(office)) == 1


async def test_rotation_lists_the_new_key_before_it_signs_and_the_old_one_after(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    before = await ask(office, held)
    old = outer_of(before.json()["file"])["kid"]
    new = await signing.rotate(office.licensing, COMMAND_LINE, overlap=DAY)
    assert [key["kid"] for key in await public_keys(office)] == [new.kid, old]
    assert outer_of((await ask(office, held)).json()["file"])["kid"] == old
    with pytest.raises(signing.RotationInProgress):
        await signing.rotate(office.licensing, COMMAND_LINE, overlap=DAY)
    office.clock.ahead = DAY
    after = await ask(office, held)
    assert outer_of(after.json()["file"])["kid"] == new.kid
    for answer in (before, after):
        await opened(office, answer)
    listed = await public_keys(office)
    assert [key["retired_at"] for key in listed] == [None, listed[0]["not_before"]]


async def test_leaked_key_is_replaced_at_once_and_its_private_part_forgotten(office: Office) -> None:
    first = await signing.active_key(office.licensing)
    waiting = await signing.rotate(office.licensing, COMMAND_LINE, overlap=DAY)
    hastened = await signing.rotate(office.licensing, COMMAND_LINE, overlap=timedelta(0))
    assert hastened.kid == waiting.kid == (await signing.active_key(office.licensing)).kid
    async with office.licensing.database.transaction() as connection:
        rows = list(await connection.exec_driver_sql("SELECT kid, private_sealed FROM signing_keys"))
    assert {row.kid: row.private_sealed is None for row in rows} == {first.kid: True, waiting.kid: False}
    seed = (await signing.active_key(office.licensing)).private_key.private_bytes_raw()
    assert all(seed not in (row.private_sealed or b"") for row in rows)


async def test_tampered_file_is_found_out(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    outer = outer_of((await ask(office, held)).json()["file"])
    claims = base64.b64decode(outer["enc"]).replace(b"web-1", b"web-2")
    (key,) = await public_keys(office)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    with pytest.raises(InvalidSignature):
        public.verify(base64.b64decode(outer["sig"]), b"license/" + base64.b64encode(claims))
