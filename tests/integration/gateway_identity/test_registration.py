import asyncio
import re

from sqlalchemy import text

from services.gateway.domain.session import token_hash
from tests.integration.gateway_identity.conftest import PASSWORD, World, code_of


async def test_newcomer_gets_account_and_session(world: World) -> None:
    made = await world.http.post(
        "/api/v1/auth/register",
        json={"email": "Ada@Example.COM", "password": PASSWORD, "name": " Ada ", "country": "DE"},
    )
    assert made.status_code == 201
    body = made.json()
    account = body["account"]
    assert re.fullmatch(r"acct_[0-9A-Z]{26}", account["id"])
    assert re.fullmatch(r"tgs_[A-Za-z0-9_-]{43}", body["token"])
    assert {"email": "ada@example.com", "name": "Ada", "tier": "new", "status": "active"}.items() <= account.items()
    assert body["expires_at"].endswith("Z") and account["created_at"].endswith("Z")
    own = await world.http.get("/api/v1/account", headers={"authorization": f"Bearer {body['token']}"})
    assert own.json() == account


async def test_email_is_unique_without_case(world: World) -> None:
    await world.register("ada@example.com")
    again = await world.http.post("/api/v1/auth/register", json={"email": "ADA@example.com", "password": PASSWORD})
    assert (again.status_code, code_of(again)) == (409, "email_taken")


async def test_one_of_many_registrations_of_an_email_wins(world: World) -> None:
    body = {"email": "one@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(world.http.post("/api/v1/auth/register", json=body) for _ in range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9


SENSELESS: list[tuple[dict[str, object], str]] = [
    ({"email": "no address"}, "/email"),
    ({"email": "a@b"}, "/email"),
    ({"email": "a@" + "b" * 65_536 + ".com"}, "/email"),
    ({"email": "a\r\nBcc: x@example.com"}, "/email"),
    ({"email": 5}, "/email"),
    ({"password": "short"}, "/password"),
    ({"password": "x" * 257}, "/password"),
    ({"password": "x" * 1_000_000}, "/password"),
    ({"password": "with\x00nul in it"}, "/password"),
    ({"name": ""}, "/name"),
    ({"name": "x" * 101}, "/name"),
    ({"name": "two\r\nlines"}, "/name"),
    ({"country": "XX"}, "/country"),
    ({"country": "de"}, "/country"),
    ({"device_id": "dev_1/../../claims"}, "/device_id"),
    ({"role": "operator"}, "/role"),
    ({"tier": "enterprise"}, "/tier"),
    ({"email_verified": True}, "/email_verified"),
]


async def test_senseless_field_is_named_and_not_echoed(world: World) -> None:
    for change, pointer in SENSELESS:
        body = {"email": "new@example.com", "password": PASSWORD, **change}
        refused = await world.http.post("/api/v1/auth/register", json=body)
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed"), pointer
        assert refused.json()["errors"][0]["pointer"] == pointer
        value = next(iter(change.values()))
        assert not (isinstance(value, str) and len(value) > 4 and value in refused.text), pointer


async def test_lone_surrogate_in_password_is_refused(world: World) -> None:
    body = b'{"email": "new@example.com", "password": "\\ud800 and more of it"}'
    refused = await world.http.post("/api/v1/auth/register", content=body)
    assert (refused.status_code, code_of(refused)) == (422, "validation_failed")


async def test_registration_with_idempotency_key_is_replayed_and_shown_again(world: World) -> None:
    body = {"email": "once@example.com", "password": PASSWORD}
    headers = {"idempotency-key": "register-1"}
    first = await world.http.post("/api/v1/auth/register", json=body, headers=headers)
    again = await world.http.post("/api/v1/auth/register", json=body, headers=headers)
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    other = await world.http.post("/api/v1/auth/register", json={**body, "password": PASSWORD + "!"}, headers=headers)
    assert (other.status_code, code_of(other)) == (422, "idempotency_key_reused")


async def test_refused_registration_frees_its_idempotency_key(world: World) -> None:
    await world.register("taken@example.com")
    headers = {"idempotency-key": "same"}
    body = {"email": "taken@example.com", "password": PASSWORD}
    for _ in range(2):
        refused = await world.http.post("/api/v1/auth/register", json=body, headers=headers)
        assert code_of(refused) == "email_taken"


async def test_database_holds_no_personal_data_and_no_token_in_clear(world: World) -> None:
    customer = await world.register("secret.person@example.com", name="Secret Person")
    async with world.gateway.database.transaction() as connection:
        for table in ("accounts", "sessions", "mailed_tokens", "mail_outbox", "audit", "outbox", "changes"):
            rows = await connection.execute(text(f"SELECT to_jsonb(t)::text AS row FROM {table} AS t"))  # noqa: S608
            dump = " ".join(row.row for row in rows)
            for secret in ("secret.person", "Secret Person", customer.token, PASSWORD):
                assert secret not in dump
                assert secret.encode().hex() not in dump
        kept = await connection.scalar(text("SELECT token_hash FROM sessions"))
    assert kept == token_hash(customer.token)


async def test_profile_is_changed_in_part(world: World) -> None:
    customer = await world.register(name="Ada", country="DE")
    changed = await customer.http.patch("/api/v1/account", json={"name": "Grace"})
    assert (changed.json()["name"], changed.json()["country"]) == ("Grace", "DE")
    cleared = await customer.http.patch("/api/v1/account", json={"country": None})
    assert (cleared.json()["name"], cleared.json()["country"]) == ("Grace", None)
    for body in ({"email": "x@example.com"}, {"tier": "enterprise"}, {"status": "active"}, {"credit_limit": None}):
        refused = await customer.http.patch("/api/v1/account", json=body)
        assert refused.status_code == 422
