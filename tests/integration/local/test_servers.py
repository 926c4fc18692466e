"""Our own PostgreSQL and Redis: they keep their data and their word through every death."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis as redis_client

from deploy.local import processes
from deploy.local.children import LaunchError
from deploy.local.postgres import OWNER, PostgresServer, identity, launch
from deploy.local.redis import RedisServer
from deploy.local.runner.orphans import Register

HOLD_A_SERVER = """
import sys, time
from pathlib import Path
from deploy.local.postgres import PostgresServer
print(PostgresServer.start(Path(sys.argv[1]), durable=False).pids[0], flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def no_given_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cluster for all tests here: making one takes longest."""
    made = tmp_path_factory.mktemp("servers")
    made.chmod(0o711)
    return made / "postgres"


@pytest.fixture
def server(folder: Path) -> Iterator[PostgresServer]:
    started = PostgresServer.start(folder)
    yield started
    started.stop()


async def ask(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_committed_rows_survive_a_killed_postmaster(server: PostgresServer) -> None:
    await ask(server.owner_url, "CREATE TABLE killed AS SELECT 7 AS seven")
    url, pid = server.owner_url, server.pids[0]
    os.kill(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not server.alive(), seconds=5)
    assert server.pids == []
    server.restart()

    assert server.alive()
    assert server.owner_url == url
    assert server.pids != [pid]
    assert await ask(url, "SELECT seven FROM killed") == 7


async def test_data_and_password_are_the_same_after_a_stop(folder: Path) -> None:
    first = PostgresServer.start(folder)
    await ask(first.owner_url, "CREATE TABLE stopped AS SELECT 7 AS seven")
    first.stop()
    assert not first.alive()
    second = PostgresServer.start(folder)
    try:
        assert second.owner_url.partition("@")[0] == first.owner_url.partition("@")[0]
        assert await ask(second.owner_url, "SELECT seven FROM stopped") == 7
    finally:
        second.stop()


async def test_server_wants_the_password(server: PostgresServer) -> None:
    wrong = server.owner_url.replace(f"{OWNER}:", f"{OWNER}:x")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(wrong, "SELECT 1")


def test_second_launcher_in_one_folder_is_refused(server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "LOCK_SECONDS", 0.1)
    with pytest.raises(LaunchError, match="Another process of Tollgate runs the PostgreSQL"):
        PostgresServer.start(server.folder)
    assert server.alive()


@pytest.mark.parametrize("also_the_postmaster", [False, True])
async def test_killed_launcher_leaves_nothing_in_the_way(folder: Path, also_the_postmaster: bool) -> None:
    """Where process 1 waits for nobody, the second case leaves a zombie that holds PostgreSQL's lock file."""
    other = subprocess.Popen([sys.executable, "-c", HOLD_A_SERVER, str(folder)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    postmaster = int(other.stdout.readline())
    if also_the_postmaster:
        os.kill(postmaster, signal.SIGKILL)
    other.kill()
    other.communicate()
    server = PostgresServer.start(folder)
    try:
        assert server.pids != [postmaster]
        assert processes.identify(postmaster) is None
        assert await ask(server.owner_url, "SELECT 1") == 1
    finally:
        server.stop()


def test_set_up_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "data.new").mkdir()
    (tmp_path / "data.new" / "PG_VERSION").write_text("18\n")
    server = PostgresServer.start(tmp_path)
    server.stop()
    assert not (tmp_path / "data.new").exists()
    assert (tmp_path / "owner.password").stat().st_mode & 0o777 == 0o600


def test_given_database_is_named_and_never_ended(
    server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", server.owner_url)
    given = PostgresServer.start(tmp_path / "unused")
    assert given.owner_url == server.owner_url
    assert given.alive()
    assert given.pids == []
    given.stop()
    assert server.alive()
    assert not (tmp_path / "unused").exists()


def test_given_database_that_does_not_answer_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://owner@127.0.0.1:1/tollgate")
    with pytest.raises(LaunchError, match="DATABASE_URL is set, but nobody answers"):
        PostgresServer.start(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_root_without_user_namespaces_names_the_folder_that_is_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_may_run", lambda run_as, programs: run_as.user is not None)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(LaunchError, match=r"who can't enter .*DATABASE_URL"):
        PostgresServer.start(closed / "postgres")


def test_redis_wants_the_password_and_comes_back_at_the_same_address(tmp_path: Path) -> None:
    server = RedisServer.start(tmp_path)
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(64).startswith(b"-NOAUTH")
        url = server.url
        os.kill(server.pids[0], signal.SIGKILL)
        assert processes.wait_until(lambda: not server.alive(), seconds=5)
        server.restart()
        assert server.url == url
        with redis_client.Redis.from_url(url) as client:
            assert client.ping()
    finally:
        server.stop()
    assert not server.alive()


def test_recorded_process_is_ended_and_a_stranger_with_its_number_is_not(tmp_path: Path) -> None:
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    register = Register(tmp_path / "processes.json")
    register.write({"billing": [orphan.pid]})
    stranger = Register(tmp_path / "others.json")
    stranger.file.write_text(f'[{{"name": "fraud", "pid": {orphan.pid}, "started": "another time"}}]')

    assert stranger.end_all() == []
    assert orphan.poll() is None
    assert register.end_all() == ["billing"]
    assert orphan.wait(5) == -signal.SIGTERM
    assert not register.file.exists()


def test_stopped_process_is_ended_without_waiting_for_its_patience() -> None:
    stopped = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    process = processes.identify(stopped.pid)
    assert process is not None
    os.kill(stopped.pid, signal.SIGSTOP)
    began_at = time.monotonic()
    processes.end(process, patience_seconds=20)
    assert time.monotonic() - began_at < 10
    stopped.wait(5)
