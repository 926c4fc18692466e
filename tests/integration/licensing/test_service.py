"""Licensing starts, migrates and says how it is."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text

from services.licensing.app import create_app
from services.licensing.settings import Settings
from shared.db import Database
from shared.ids import new_id
from shared.service_auth import Caller
from tests.support.http import running
from tests.support.keys import headers_for, service_headers


@pytest.fixture
async def http(settings_for: Callable[..., Settings]) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings_for("licensing"))
    async with running(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def test_ping_health_and_metrics_answer(http: httpx.AsyncClient) -> None:
    assert (await http.get("/ping")).json() == {"status": "ok"}
    health = await http.get("/health")
    assert health.status_code == 200 and health.json()["status"] == "ok"
    assert {name: check["status"] for name, check in health.json()["checks"].items()} == {
        "database": "ok",
        "redis": "ok",
    }
    assert "tollgate_http_requests_total" in (await http.get("/metrics")).text


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("GET", "/api/v1/admin"), ("POST", "/api/v1/licensing")])
async def test_what_nothing_serves_answers_404(http: httpx.AsyncClient, method: str, path: str) -> None:
    operator = Caller(new_id("acct", at=datetime.now(UTC)), "operator")
    answer = await http.request(method, path, headers=headers_for(operator, "licensing"))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found" and answer.json()["request_id"].startswith("req_")


async def test_feed_is_for_services_only(http: httpx.AsyncClient) -> None:
    assert (await http.get("/internal/v1/events")).status_code == 401
    answer = await http.get("/internal/v1/events", headers=service_headers("licensing", "billing"))
    assert answer.json() == {"events": []}


async def test_its_role_sees_its_own_schema_and_no_other(licensing_db: Database) -> None:
    async with licensing_db.transaction() as connection:
        rows = await connection.execute(
            text("SELECT DISTINCT table_schema FROM information_schema.tables WHERE table_schema !~ '^(pg_|infor)'")
        )
        assert [row.table_schema for row in rows] == ["licensing"]
