"""How fraud says that it is well, and what it serves besides."""

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from services.fraud.app import create_app
from services.fraud.settings import Settings
from shared import bus
from shared.db import Database
from tests.integration.fraud.conftest import Desk
from tests.support.http import eventually, running
from tests.support.keys import service_headers


def statuses(health: httpx.Response) -> dict[str, str]:
    return {name: check["status"] for name, check in health.json()["checks"].items()}


async def test_ping_health_and_metrics_answer(desk: Desk) -> None:
    assert (await desk.http.get("/ping")).json() == {"status": "ok"}
    health = await desk.http.get("/health")
    assert health.status_code == 200 and health.json()["status"] == "ok"
    assert statuses(health) == {"database": "ok", "redis": "ok"}
    metrics = await desk.http.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "tollgate_http_requests_total" in metrics.text


async def test_health_is_degraded_without_redis_and_503_without_database(desk: Desk) -> None:
    nowhere = bus.connect("redis://127.0.0.1:1/0")
    lost = Database("postgresql://nobody:x@127.0.0.1:1/nothing")
    state = desk.state
    try:
        state.service = replace(desk.fraud, redis=nowhere)
        degraded = await desk.http.get("/health")
        assert degraded.status_code == 200
        assert degraded.json()["status"] == "degraded"
        assert statuses(degraded) == {"database": "ok", "redis": "failing"}
        state.service = replace(desk.fraud, database=lost)
        away = await desk.http.get("/health")
        assert away.status_code == 503 and away.json()["status"] == "down"
    finally:
        state.service = desk.fraud
        await nowhere.aclose()
        await lost.close()


@pytest.mark.parametrize("path", ["/", "/api/v1/admin/fraud", "/api/v1/admin/blacklist/", "/docs", "/internal/v1/x"])
async def test_unbuilt_paths_answer_404(desk: Desk, path: str) -> None:
    answer = await desk.http.get(path, headers=desk.operator)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found" and answer.json()["request_id"].startswith("req_")


async def test_wrong_method_is_named(desk: Desk) -> None:
    answer = await desk.http.put("/api/v1/admin/blacklist", headers=desk.operator)
    assert answer.status_code == 405 and answer.json()["code"] == "method_not_allowed"


async def test_feed_gives_changes_their_position_once_the_loops_run(
    desk: Desk, settings_for: Callable[..., Settings]
) -> None:
    await desk.add("card", "fingerprint_1")
    async with (
        running(create_app(settings_for("fraud"))) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        headers = service_headers("fraud", "billing")

        async def events() -> list[dict[str, object]]:
            found = (await http.get("/internal/v1/events", headers=headers)).json()["events"]
            assert isinstance(found, list)
            return found

        (event,) = await eventually(events)
        assert event["kind"] == "blacklist.entry_added" and event["position"] == 1
        assert (await http.get("/internal/v1/events")).status_code == 401


async def test_description_holds_the_public_paths_only(desk: Desk) -> None:
    assert (await desk.http.get("/internal/v1/openapi")).status_code == 401
    document = (await desk.http.get("/internal/v1/openapi", headers=service_headers("fraud"))).json()
    assert {"/api/v1/admin/blacklist", "/api/v1/admin/reviews", "/api/v1/devices"} <= document["paths"].keys()
    assert all(path.startswith("/api/v1/") for path in document["paths"])
