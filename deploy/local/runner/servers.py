"""PostgreSQL and Redis of the stack: started first, healed when they die, stopped last."""

import os
import time
from pathlib import Path

from deploy.local.children import LaunchError
from deploy.local.postgres import PostgresServer
from deploy.local.redis import RedisServer
from deploy.local.runner.console import say, say_event, say_ready
from deploy.local.server import Server

PAUSE_AFTER_A_FAILURE_SECONDS = 1.0


class Servers:
    """Both, or as many as the start had reached."""

    def __init__(self, data: Path, logs: Path, *, durable: bool) -> None:
        self._data = data
        self._logs = logs
        self._durable = durable
        self._postgres: PostgresServer | None = None
        self._redis: RedisServer | None = None

    @property
    def postgres(self) -> PostgresServer:
        assert self._postgres is not None
        return self._postgres

    @property
    def redis(self) -> RedisServer:
        assert self._redis is not None
        return self._redis

    def start(self) -> None:
        if not (self._data / "postgres" / "data").exists() and not os.environ.get("DATABASE_URL"):
            say("  Setting up the database; this is done once.")
        began_at = time.monotonic()
        log = self._logs / "postgres.log"
        self._postgres = PostgresServer.start(self._data / "postgres", durable=self._durable, log=log)
        say_ready("postgres", time.monotonic() - began_at)
        began_at = time.monotonic()
        self._redis = RedisServer.start(self._data / "redis", log=self._logs / "redis.log")
        say_ready("redis", time.monotonic() - began_at)

    def heal(self) -> bool:
        """True if one was dead and is back; one that fails to come back is tried again at the next look."""
        healed = [_heal(name, server) for name, server in self._started().items()]
        return any(healed)

    def pids(self) -> dict[str, list[int]]:
        return {name: server.pids for name, server in self._started().items()}

    def own_pids(self) -> list[int]:
        """Alive or not yet waited for."""
        return [server.pid for server in self._started().values() if server.pid is not None]

    def stop(self) -> None:
        for server in reversed(self._started().values()):
            server.stop()

    def _started(self) -> dict[str, Server]:
        both: dict[str, Server | None] = {"postgres": self._postgres, "redis": self._redis}
        return {name: server for name, server in both.items() if server is not None}


def _heal(name: str, server: Server) -> bool:
    if server.alive() or not server.is_ours:
        return False
    say_event(f"{name} died; starting it again. Log: {server.log}")
    began_at = time.monotonic()
    try:
        server.restart()
    except LaunchError as failure:
        say_event(f"{name} could not be started again: {failure}")
        time.sleep(PAUSE_AFTER_A_FAILURE_SECONDS)
        return False
    say_event(f"{name} is back after {time.monotonic() - began_at:.1f} s.")
    return True
