"""The same paid call as it is written first: FastAPI, httpx, an ORM, and `SELECT ... FOR UPDATE` of the balance.

It is as durable and as exact as ours, on the same PostgreSQL server, in a database of its own that is dropped after the
run. Nothing in it is made slow on purpose.
"""

import asyncio
import os
import secrets
import sys
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from benchmarks.peers.contract import Absent, Place
from benchmarks.started import Started, wait_until_it_answers
from deploy.local.ports import LOOPBACK, free_port

TO_CONNECT_SECONDS = 10.0


class Naive:
    """One process of uvicorn, as ours is."""

    name = "naive"
    gateway = "naive"

    def __init__(self) -> None:
        self._database = f"tollgate_bench_{secrets.token_hex(4)}"
        self._owner_url = ""
        self._key = f"naive_{secrets.token_urlsafe(24)}"
        self._server: Started | None = None
        self.url = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self._key}

    def absent(self) -> str | None:
        return None

    def start(self, place: Place) -> None:
        _execute(place.database_url, f'CREATE DATABASE "{self._database}"')
        self._owner_url = place.database_url
        port = free_port()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "NAIVE_DATABASE_URL": urlunsplit(urlsplit(place.database_url)._replace(path=f"/{self._database}")),
            "NAIVE_UPSTREAM": place.upstream,
            "NAIVE_KEY": self._key,
        }
        uvicorn = [sys.executable, "-m", "uvicorn", "benchmarks.peers.naive.app:app", "--host", LOOPBACK]
        options = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
        log = place.folder / f"{self.name}.log"
        self._server = Started.program([*uvicorn, *options], log=log, environment=environment)
        self.url = f"http://{LOOPBACK}:{port}/bench/chat"
        wait_until_it_answers(self._server, port)

    def pids(self) -> dict[str, list[int]]:
        return {self.name: self._server.pids if self._server else []}

    def shared(self) -> tuple[str, ...]:
        return ("postgres",)

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        if self._owner_url:
            _execute(self._owner_url, f'DROP DATABASE "{self._database}" WITH (FORCE)')
            self._owner_url = ""


def _execute(database_url: str, statement: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(database_url, timeout=TO_CONNECT_SECONDS)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    try:
        asyncio.run(execute())
    except (OSError, asyncpg.PostgresError) as refused:
        raise Absent(f"the stack's PostgreSQL refused: {refused}") from refused
