"""The runner of `make run`: what it promises about its processes, its files and its end."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local import ports, processes
from tests.integration.local.checkout import Checkout, eventually, make_checkout, said

SERVICES = ("gateway", "billing")


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    made = make_checkout(tmp_path / "checkout", *SERVICES)
    yield made
    made.close()


def test_stack_file_has_the_contracts_shape_while_the_stack_runs(checkout: Checkout) -> None:
    port = ports.free_port()
    stack = checkout.run_until_ready(port)

    assert checkout.stack_file.stat().st_mode & 0o777 == 0o600
    assert stack["gateway"] == f"http://127.0.0.1:{port}"
    assert stack["environment"] == "local"
    assert set(stack["services"]) == {"gateway", "billing", "postgres", "redis"}
    assert set(stack["services"]["billing"]) == {"url", "pids"}
    assert stack["services"]["postgres"].keys() == {"pids"}
    assert all(processes.identify(pid) for of in stack["services"].values() for pid in of["pids"])
    assert stack["database_url"].startswith("postgresql://")
    assert stack["redis_url"].startswith("redis://")
    assert stack["operator"].keys() == {"email", "password"}
    assert stack["stripe_webhook_secret"].startswith("whsec_")


def test_clean_stop_takes_everything_away_and_exits_zero(checkout: Checkout) -> None:
    stack = checkout.run_until_ready(ports.free_port())
    runner = checkout.started[0]
    runner.send_signal(signal.SIGINT)
    words = said(runner)

    assert runner.returncode == 0
    assert "Everything is stopped" in words
    assert "curl -s" in words
    assert not checkout.stack_file.exists()
    assert not (checkout.data / "processes.json").exists()
    assert not any(processes.identify(pid) for of in stack["services"].values() for pid in of["pids"])


def test_each_service_sees_its_own_secrets_and_only_declared_settings(checkout: Checkout) -> None:
    checkout.run_until_ready(ports.free_port(), EXIT_CODE="0", AWS_SECRET_ACCESS_KEY="marked")
    gateway, billing = checkout.seen_by("gateway", "serve"), checkout.seen_by("billing", "serve")

    assert "AWS_SECRET_ACCESS_KEY" not in gateway
    assert gateway["EXIT_CODE"] == "0"
    assert gateway["SERVICE_SIGNING_KEY"] != billing["SERVICE_SIGNING_KEY"]
    assert "/tollgate" in billing["DATABASE_URL"]
    assert "//tollgate_billing:" in billing["DATABASE_URL"]
    assert "STRIPE_WEBHOOK_SECRET" in billing
    assert "STRIPE_WEBHOOK_SECRET" not in gateway
    assert "DATABASE_OWNER_URL" not in billing
    assert "DATABASE_OWNER_URL" in checkout.seen_by("billing", "migrate")
    assert "OPERATOR_PASSWORD" in checkout.seen_by("gateway", "seed")
    assert billing["GATEWAY_URL"] == gateway["GATEWAY_URL"]


def test_killed_service_is_started_again_at_the_same_address(checkout: Checkout) -> None:
    before = checkout.run_until_ready(ports.free_port())["services"]["billing"]
    os.kill(before["pids"][0], signal.SIGKILL)
    eventually(lambda: checkout.stack()["services"]["billing"]["pids"] not in ([], before["pids"]))

    assert checkout.stack()["services"]["billing"]["url"] == before["url"]
    eventually(lambda: ports.answers("127.0.0.1", int(before["url"].rpartition(":")[2])))
    runner = checkout.started[0]
    runner.send_signal(signal.SIGTERM)
    assert "billing died (signal SIGKILL); starting it again" in said(runner)


async def test_killed_servers_are_started_again_at_the_same_address(checkout: Checkout) -> None:
    stack = checkout.run_until_ready(ports.free_port())
    connection = await asyncpg.connect(stack["database_url"])
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    for name in ("postgres", "redis"):
        os.kill(stack["services"][name]["pids"][0], signal.SIGKILL)

    def both_are_back() -> bool:
        services = checkout.stack()["services"]
        return all(
            services[name]["pids"] not in ([], stack["services"][name]["pids"])
            for name in services
            if name in ("postgres", "redis")
        )

    eventually(both_are_back)
    connection = await asyncpg.connect(stack["database_url"])
    assert await connection.fetchval("SELECT seven FROM kept") == 7
    await connection.close()
    assert checkout.stack()["redis_url"] == stack["redis_url"]


async def test_after_a_killed_runner_the_next_ends_its_orphans_and_has_all_data(checkout: Checkout) -> None:
    port = ports.free_port()
    before = checkout.run_until_ready(port)
    connection = await asyncpg.connect(before["database_url"])
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS seven")
    checkout.started[0].kill()
    checkout.started[0].wait()
    checkout.stack_file.unlink()
    after = checkout.run_until_ready(port)

    connection = await asyncpg.connect(after["database_url"])
    assert await connection.fetchval("SELECT seven FROM kept") == 7
    await connection.close()
    orphans = [pid for of in before["services"].values() for pid in of["pids"]]
    assert not any(processes.identify(pid) for pid in orphans)
    assert after["operator"] == before["operator"]
    assert after["services"]["billing"]["url"] == before["services"]["billing"]["url"]


def test_second_runner_on_the_same_folder_is_refused_in_words(checkout: Checkout) -> None:
    checkout.run_until_ready(ports.free_port())
    second = checkout.run(ports.free_port())
    words = said(second)

    assert second.returncode == 1
    assert f"process {checkout.started[0].pid}) already runs the stack" in words
    assert "make run PORT=9000 DATA_DIR=" in words
    assert checkout.stack_file.exists()


def test_taken_port_is_named_with_what_to_do(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        runner = checkout.run(port)
        words = said(runner)

    assert runner.returncode == 1
    assert f"Port {port} is taken" in words
    assert "make run PORT=9000" in words


def test_service_that_does_not_start_is_shown_with_the_end_of_its_log(checkout: Checkout) -> None:
    runner = checkout.run(ports.free_port(), REFUSE_TO_START="yes")
    words = said(runner)

    assert runner.returncode == 1
    assert "did not start (exit code 1)" in words
    assert "the reason why it won't start" in words
    assert not checkout.stack_file.exists()


def test_failed_migration_stops_the_start(checkout: Checkout) -> None:
    runner = checkout.run(ports.free_port(), EXIT_CODE="3")
    words = said(runner)

    assert runner.returncode == 1
    assert "failed (exit code 3)" in words
