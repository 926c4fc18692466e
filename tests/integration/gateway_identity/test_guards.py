import pytest

from services.gateway.domain.api_key import make_key
from shared.service_auth import Caller
from tests.integration.gateway_identity.conftest import Customer, World, code_of
from tests.support import keys

SESSION_PATHS = [
    ("GET", "/api/v1/account"),
    ("PATCH", "/api/v1/account"),
    ("POST", "/api/v1/auth/logout"),
    ("POST", "/api/v1/auth/api-key"),
    ("GET", "/api/v1/auth/api-keys"),
    ("PATCH", "/api/v1/auth/api-keys/key_x"),
    ("DELETE", "/api/v1/auth/api-keys/key_x"),
    ("POST", "/api/v1/auth/api-keys/key_x/rotate"),
]
OPERATOR_PATHS = [
    ("GET", "/api/v1/admin/accounts"),
    ("GET", "/api/v1/admin/accounts/acct_x"),
    ("PATCH", "/api/v1/admin/accounts/acct_x"),
    ("GET", "/api/v1/admin/api-keys"),
    ("GET", "/api/v1/admin/api-keys/key_x"),
    ("PATCH", "/api/v1/admin/api-keys/key_x"),
    ("GET", "/api/v1/admin/audit"),
]


@pytest.fixture
async def rich(world: World) -> Customer:
    world.billing.default = 5_000_000
    return await world.register()


async def test_private_paths_are_closed_to_everyone_without_a_session(world: World, rich: Customer) -> None:
    """Whatever the body: credentials are judged first."""
    key = (await rich.make_key())["key"]
    credentials: list[tuple[dict[str, str], tuple[int, str]]] = [
        ({}, (401, "unauthenticated")),
        ({"authorization": "Basic dXNlcjpwYXNz"}, (401, "unauthenticated")),
        ({"authorization": "Bearer"}, (401, "unauthenticated")),
        ({"authorization": "Bearer tgs_" + "x" * 43}, (401, "unauthenticated")),
        ({"authorization": "Bearer tgs_short"}, (401, "unauthenticated")),
        ({"authorization": f"Bearer {make_key(bytes(32)).text}"}, (401, "invalid_api_key")),
        ({"x-api-key": rich.token}, (401, "invalid_api_key")),
        ({"authorization": f"Bearer {key}"}, (403, "session_required")),
        ({"x-api-key": key}, (403, "session_required")),
        ({"authorization": f"Bearer {rich.token}", "x-api-key": key}, (400, "ambiguous_credentials")),
        ({"cookie": f"tg_session={rich.token}"}, (401, "unauthenticated")),
        ({"x-tollgate-account": rich.id, "x-tollgate-role": "operator"}, (401, "unauthenticated")),
    ]
    for method, path in SESSION_PATHS + OPERATOR_PATHS:
        for headers, expected in credentials:
            refused = await world.http.request(method, path, headers=headers, content=b"broken")
            assert (refused.status_code, code_of(refused)) == expected, (method, path, headers)
            assert ("www-authenticate" in refused.headers) == (refused.status_code == 401)


async def test_a_public_path_says_how_it_is_asked(world: World) -> None:
    refused = await world.http.get("/api/v1/licenses/validate")
    assert (refused.status_code, code_of(refused)) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"


async def test_a_credential_sent_twice_is_ambiguous(world: World, rich: Customer) -> None:
    for name, value in (("authorization", f"Bearer {rich.token}"), ("x-api-key", "some key")):
        refused = await world.http.get("/api/v1/account", headers=[(name, value), (name, value)])
        assert (refused.status_code, code_of(refused)) == (400, "ambiguous_credentials")


async def test_token_in_query_or_body_opens_nothing(world: World, rich: Customer) -> None:
    refused = await world.http.get(f"/api/v1/account?token={rich.token}&authorization=Bearer%20{rich.token}")
    assert refused.status_code == 401


async def test_customer_is_no_operator_whatever_the_path_and_body(rich: Customer) -> None:
    overriding = {"x-http-method-override": "GET", "x-original-url": "/ping"}
    for method, path in OPERATOR_PATHS:
        for headers, content in (({}, b"broken"), (overriding, b"{}")):
            refused = await rich.http.request(method, path, content=content, headers=headers)
            assert (refused.status_code, code_of(refused)) == (403, "forbidden"), (method, path)


async def test_siblings_ask_with_their_own_token_only(world: World, rich: Customer) -> None:
    path = f"/internal/v1/accounts/{rich.id}"
    asked = await world.http.get(path, headers=keys.service_headers("gateway", "billing"))
    assert asked.json() == {
        "id": rich.id,
        "role": "customer",
        "tier": "new",
        "status": "active",
        "credit_limit_minor": None,
    }
    unknown = await world.http.get("/internal/v1/accounts/acct_x", headers=keys.service_headers("gateway", "billing"))
    assert (unknown.status_code, code_of(unknown)) == (404, "not_found")
    for headers in (
        {},
        {"authorization": f"Bearer {rich.token}"},
        keys.service_headers("billing", "gateway"),
        keys.headers_for(Caller(rich.id, "operator"), "gateway"),
    ):
        refused = await world.http.get(path, headers=headers)
        assert refused.status_code in (401, 404)


async def test_deletion_and_export_are_not_there_yet(rich: Customer) -> None:
    assert (await rich.http.delete("/api/v1/account")).status_code == 405
    assert (await rich.http.get("/api/v1/account/export")).status_code == 404
