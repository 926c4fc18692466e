"""Validation through the door: codes, signatures, what caches hear, and that it writes nothing."""

import base64
import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text

from services.licensing.domain.answer_signature import signature_base
from services.licensing.use_cases.signing import active_key
from tests.support.licensing_world import START, SettingsFor, World, licensing_world


async def test_a_paid_license_is_valid_until_its_grace_is_over(world: World) -> None:
    _, key = await world.bought()
    end, grace = START + timedelta(days=31), timedelta(days=3)
    second = timedelta(seconds=1)
    for at, code in (
        (START, "VALID"),
        (end - second, "VALID"),
        (end, "GRACE"),
        (end + grace - second, "GRACE"),
        (end + grace, "EXPIRED"),
        (end + grace + second, "EXPIRED"),
    ):
        world.clock.at = at
        assert await world.code(key) == code, at


async def test_what_is_written_between_its_digits_does_not_matter(world: World) -> None:
    _, key = await world.bought()
    for written in (key.upper(), key.replace("-", ""), f"  {key.replace('-', ' — ')}\n"):
        assert await world.code(written) == "VALID"


async def test_a_changed_digit_is_refused_without_the_database(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await world.bought()

    async def not_to_be_asked(_digest: bytes) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(world.licensing.known, "find", not_to_be_asked)
    for place in (0, len(key) - 1):
        other = "1" if key[place] == "0" else "0"
        assert await world.code(key[:place] + other + key[place + 1 :]) == "BAD_SIGNATURE"
    for written in (key[:-1], key + "0", "", "ZZ", "x" * 4_000):
        assert await world.code(written) == "MALFORMED"


async def test_a_right_key_that_is_nobodys_is_not_found(world: World) -> None:
    _, key = await world.bought()
    async with world.licensing.database.transaction() as connection:
        await connection.execute(text("UPDATE license_keys SET key_hash = sha256('other')"))
    assert await world.code(key) == "NOT_FOUND"


async def test_the_answer_is_signed_with_the_callers_nonce(world: World) -> None:
    license_id, key = await world.bought()
    answer = await world.validate(key, nonce="a nonce: ~42")
    assert answer.json()["license"]["id"] == license_id and answer.json()["nonce"] == "a nonce: ~42"
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert answer.headers["content-digest"] == f"sha-256=:{digest}:"
    asked = base64.b64encode(hashlib.sha256(answer.request.content).digest()).decode()
    assert answer.json()["request_digest"] == f"sha-256=:{asked}:"
    parameters = answer.headers["signature-input"].removeprefix("license=")
    signing = await active_key(world.licensing)
    assert parameters.startswith('("@status" "content-digest");created=')
    assert parameters.endswith(f';keyid="{signing.kid}";alg="ed25519";nonce="a nonce: ~42"')
    signature = base64.b64decode(answer.headers["signature"].removeprefix("license=:").removesuffix(":"))
    base = signature_base(200, answer.headers["content-digest"], parameters)
    signing.private_key.public_key().verify(signature, base)


@pytest.mark.parametrize("nonce", ["", 'a"b', "a\\b", "é", "a\nb", "x" * 129])
async def test_a_nonce_that_no_header_can_hold_is_refused(world: World, nonce: str) -> None:
    answer = await world.validate("", nonce=nonce)
    assert answer.status_code == 422 and answer.json()["code"] == "validation_failed"


async def test_only_the_gateway_brings_questions(world: World) -> None:
    assert (await world.http.post("/api/v1/licenses/validate", json={"license_key": ""})).status_code == 401
    assert (await world.post("/api/v1/licenses/validate", {"license_key": ""})).status_code == 401


async def test_a_revoked_key_is_refused_by_the_other_replica_too(settings_for: SettingsFor) -> None:
    async with licensing_world(settings_for("licensing")) as one, licensing_world(settings_for("licensing")) as other:
        license_id, key = await one.bought()
        assert await other.code(key) == "VALID"
        assert (await one.operate("POST", f"/{license_id}/revoke")).status_code == 200
        assert await one.code(key) == "REVOKED"
        await other.licensing.feed.poll()
        assert await other.code(key) == "REVOKED"


async def test_validation_writes_nothing_but_when_it_was_asked(world: World) -> None:
    license_id, key = await world.bought()
    await world.code(key)
    read = (await world.get(f"/api/v1/licenses/{license_id}")).json()
    assert read["last_validated_at"] is None and len(world.licensing.touches) == 1
    assert not await world.licensing.touches.write(world.licensing.database)
    read = (await world.get(f"/api/v1/licenses/{license_id}")).json()
    assert read["last_validated_at"] == "2027-01-31T12:00:00Z" and len(world.licensing.touches) == 0


async def test_entitlements_are_judged_last(world: World) -> None:
    _, key = await world.bought()
    assert await world.code(key, entitlements=["export"]) == "VALID"
    assert await world.code(key, entitlements=["export", "sso"]) == "ENTITLEMENTS_MISSING"
    assert await world.code(key, entitlements=["sso"], server_id="web-1") == "NOT_ACTIVATED"


async def test_limits_by_key_and_by_address(settings_for: SettingsFor) -> None:
    limits = {"validations_per_minute_key": 2, "validations_per_minute_address": 4}
    async with licensing_world(settings_for("licensing", **limits)) as world:
        _, key = await world.bought()
        first = await world.validate(key)
        assert first.headers["ratelimit-policy"] == '"address";q=4;w=60, "key";q=2;w=60'
        assert first.headers["ratelimit"].startswith('"address";r=3;t=15, "key";r=1;t=30')
        assert (await world.validate(key)).status_code == 200
        by_key = await world.validate(key, ip="198.51.100.9")
        assert by_key.status_code == 429 and by_key.json()["code"] == "rate_limited"
        assert int(by_key.headers["retry-after"]) <= 30
        for _ in range(2):
            assert (await world.validate("wrong")).json()["code"] == "MALFORMED"
        by_address = await world.validate("wrong")
        assert by_address.status_code == 429 and 0 < int(by_address.headers["retry-after"]) <= 15
        assert (await world.validate("wrong", ip="203.0.113.7")).status_code == 200


async def test_limits_hold_while_redis_is_away(settings_for: SettingsFor) -> None:
    settings = settings_for("licensing", redis_url="redis://127.0.0.1:1/0", validations_per_minute_address=3)
    async with licensing_world(settings) as world:
        codes = [(await world.validate("wrong")).status_code for _ in range(4)]
    assert codes == [200, 200, 200, 429]
