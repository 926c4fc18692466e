"""Operators' routes, and the two that are seeded."""

from typing import Any

from services.gateway.use_cases import seed_routes
from tests.integration.gateway_proxy.conftest import MakePlatform, Platform, code_of

WHOLE = {
    "name": "chat",
    "upstream_url": "https://api.example.com/v1/",
    "format": "openai",
    "upstream_headers": {"Authorization": "Bearer sk-secret-mark"},
    "price": {"per_call": 0.001, "per_1000_tokens": 1.5, "per_unit": 0, "minimum": 0.25},
    "max_hold": 50,
    "timeout_ms": 30000,
    "status": "live",
    "charge_errors": True,
}


async def test_a_route_is_made_shown_changed_and_taken_away(platform: Platform) -> None:
    operator = await platform.operator()
    made = await operator.post("/api/v1/admin/routes", json=WHOLE)
    assert made.status_code == 201
    shown = made.json()
    assert shown["id"].startswith("rt_")
    assert shown["upstream_url"] == "https://api.example.com/v1"
    assert shown["price"] == WHOLE["price"]
    assert (shown["price_version"], shown["max_hold"], shown["charge_errors"]) == (1, 50, True)
    assert "sk-secret-mark" not in made.text and "upstream_headers" not in shown
    path = f"/api/v1/admin/routes/{shown['id']}"
    assert (await operator.get(path)).json() == shown
    same = (await operator.patch(path, json={"price": WHOLE["price"], "max_hold": 60})).json()
    assert (same["price_version"], same["max_hold"]) == (1, 60)
    dearer = (await operator.patch(path, json={"price": {"per_call": 2}})).json()
    assert (dearer["price_version"], dearer["price"]["per_1000_tokens"]) == (2, 0)
    assert code_of(await operator.post("/api/v1/admin/routes", json=WHOLE)) == "name_taken"
    listed = (await operator.get("/api/v1/admin/routes")).json()
    assert [one["id"] for one in listed["data"]] == [shown["id"]] and listed["has_more"] is False
    assert (await operator.delete(path)).status_code == 204
    assert (await operator.get(path)).status_code == 404
    assert (await operator.delete(path)).status_code == 404
    assert (await operator.post("/api/v1/admin/routes", json=WHOLE)).status_code == 201


async def test_the_upstreams_credentials_are_sealed_at_rest(platform: Platform) -> None:
    operator = await platform.operator()
    await operator.post("/api/v1/admin/routes", json=WHOLE)
    async with platform.gateway.database.transaction() as connection:
        rows = (await connection.exec_driver_sql("SELECT routes::text, headers_sealed FROM routes")).all()
    assert b"sk-secret-mark" not in bytes(rows[0][1]) and "sk-secret-mark" not in rows[0][0]


async def test_the_same_creation_twice_is_one_route(platform: Platform) -> None:
    operator = await platform.operator()
    answers = [
        await operator.post("/api/v1/admin/routes", json=WHOLE, headers={"idempotency-key": "k1"}) for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotent-replayed"] == "true"


WRONG: list[dict[str, Any]] = [
    {"name": "Upper"}, {"name": "a/b"}, {"name": ""}, {"name": "a" * 65}, {"name": "-a"}, {"name": "a\n"},
    {"upstream_url": "file:///etc/passwd"}, {"upstream_url": "http://user:pw@host/"}, {"upstream_url": "http://h/?q"},
    {"upstream_url": "http://h/#f"}, {"upstream_url": "http:///x"}, {"upstream_url": "http://h/../x"},
    {"upstream_url": "http://h:0/"}, {"upstream_url": "http://h\\x/"}, {"upstream_url": "http://h x/"},
    {"price": {}}, {"price": {"per_call": 0}}, {"price": {"per_call": -1}}, {"price": {"per_call": 0.0001}},
    {"price": {"per_call": "1"}}, {"price": {"per_call": True}}, {"price": {"per_call": 10**30}},
    {"price": {"per_call": 1, "other": 1}},
    {"max_hold": 0}, {"max_hold": -5}, {"timeout_ms": 0}, {"timeout_ms": 1.5}, {"format": "xml"}, {"status": "dead"},
    {"upstream_headers": {"Host": "x"}}, {"upstream_headers": {"a": "b\r\nc: d"}}, {"upstream_headers": {"a b": "c"}},
    {"upstream_headers": {"a\n": "b"}}, {"upstream_headers": {"a": "b\n"}},
    {"upstream_headers": {"Transfer-Encoding": "chunked"}}, {"charge_errors": 1}, {"unknown": 1},
]  # fmt: skip


async def test_wrong_routes_are_refused_whole_and_in_part(platform: Platform) -> None:
    operator = await platform.operator()
    for change in WRONG:
        refused = await operator.post("/api/v1/admin/routes", json=WHOLE | change)
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed"), (change, refused.text)
    made = (await operator.post("/api/v1/admin/routes", json=WHOLE)).json()
    for change in WRONG:
        assert (await operator.patch(f"/api/v1/admin/routes/{made['id']}", json=change)).status_code == 422, change


async def test_a_nul_in_a_query_is_refused(platform: Platform) -> None:
    operator = await platform.operator()
    for query in ("routes?after=%00", "incidents?after=%00", "incidents?kind=%00"):
        assert (await operator.get(f"/api/v1/admin/{query}")).status_code == 422, query


async def test_routes_are_the_operators(platform: Platform) -> None:
    customer = await platform.customer()
    signed_in = {"authorization": f"Bearer {customer.session}"}
    for headers, code in (({}, "unauthenticated"), (signed_in, "forbidden")):
        assert code_of(await platform.anyone.get("/api/v1/admin/routes", headers=headers)) == code
        assert code_of(await platform.anyone.post("/api/v1/admin/routes", headers=headers, json={})) == code
        assert code_of(await platform.anyone.get("/api/v1/admin/incidents", headers=headers)) == code
    assert code_of(await customer.http.get("/api/v1/admin/routes")) == "session_required"


async def test_seeding_makes_two_routes_follows_the_port_and_respects_operators(make_platform: MakePlatform) -> None:
    platform = await make_platform()
    gateway, operator = platform.gateway, await platform.operator()

    async def seed(url: str) -> list[str]:
        object.__setattr__(gateway, "settings", gateway.settings.model_copy(update={"demo_upstream_url": url}))
        return await seed_routes.seed(gateway)

    async def urls() -> dict[str, str]:
        data = (await operator.get("/api/v1/admin/routes")).json()["data"]
        return {route["name"]: route["upstream_url"] for route in data}

    assert await seed("") == []
    assert len(await seed("http://127.0.0.1:5001")) == 2
    assert await seed("http://127.0.0.1:5001") == []
    assert await urls() == {"demo": "http://127.0.0.1:5001/demo", "echo": "http://127.0.0.1:5001/echo"}
    routes = (await operator.get("/api/v1/admin/routes")).json()["data"]
    ids = {route["name"]: route["id"] for route in routes}
    await operator.patch(f"/api/v1/admin/routes/{ids['echo']}", json={"upstream_url": "http://127.0.0.1:9/own"})
    await operator.patch(f"/api/v1/admin/routes/{ids['demo']}", json={"price": {"per_call": 7}})
    await seed("http://127.0.0.1:5002")
    assert await urls() == {"demo": "http://127.0.0.1:5002/demo", "echo": "http://127.0.0.1:9/own"}
    kept = (await operator.get(f"/api/v1/admin/routes/{ids['demo']}")).json()
    assert kept["price"]["per_call"] == 7
    await operator.delete(f"/api/v1/admin/routes/{ids['demo']}")
    assert await seed("http://127.0.0.1:5002") == []
