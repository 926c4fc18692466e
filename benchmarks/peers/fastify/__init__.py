"""fastify on Node with an API key and a limit in Redis: a gateway that checks, but charges nothing.

Its packages come from npm by the lock beside this file, into a folder outside git, when it is first measured. Its
Redis is one of its own (the same program as the stack's), so that what that uses is its own too.
"""

import hashlib
import json
import os
import secrets
import shutil
import socket
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.peers.contract import Absent, Place
from benchmarks.started import CACHE, Started, wait_until_it_answers
from deploy.local.children import LaunchError
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.redis import RedisServer

HERE = Path(__file__).parent
INSTALLED = ("package.json", "package-lock.json", "server.mjs")
INSTALL_SECONDS = 180
LIMIT_PER_MINUTE = 10**9


class Fastify:
    """One process of Node, forwarding by the framework's own `@fastify/reply-from`."""

    name = "fastify"
    gateway = "fastify"
    forward_by = "reply-from"

    def __init__(self) -> None:
        self._redis: RedisServer | None = None
        self._node: Started | None = None
        self._key = secrets.token_urlsafe(24)
        self.url = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"X-API-Key": self._key}

    def absent(self) -> str | None:
        missing = [program for program in ("node", "npm") if shutil.which(program) is None]
        return f"there is no {' and no '.join(missing)} on the PATH" if missing else None

    def start(self, place: Place) -> None:
        folder = _installed()
        try:
            self._redis = RedisServer.start(place.folder / f"{self.name}-redis")
        except LaunchError as failure:
            raise Absent(str(failure)) from failure
        _write_key(self._redis.url, self._key)
        port = free_port()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "NODE_ENV": "production",
            "PORT": str(port),
            "REDIS_URL": self._redis.url,
            "UPSTREAM": place.upstream,
            "FORWARD_BY": self.forward_by,
        }
        command = [shutil.which("node") or "node", str(folder / "server.mjs")]
        self._node = Started.program(command, log=place.folder / f"{self.name}.log", environment=environment)
        self.url = f"http://{LOOPBACK}:{port}/bench/chat"
        wait_until_it_answers(self._node, port)

    def pids(self) -> dict[str, list[int]]:
        node = self._node.pids if self._node else []
        return {self.name: node, f"{self.name}_redis": self._redis.pids if self._redis else []}

    def shared(self) -> tuple[str, ...]:
        return ()

    def stop(self) -> None:
        if self._node is not None:
            self._node.stop()
        if self._redis is not None:
            self._redis.stop()


class FastifyByUndici(Fastify):
    """The same with the HTTP client below the forwarder used bare: less general, and about a quarter cheaper."""

    name = "fastify_undici"
    gateway = "fastify_undici"
    forward_by = "undici"


def _installed() -> Path:
    """The folder with the lock's packages; installed anew when a file of ours changed. Absent where npm fails."""
    digest = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in INSTALLED)).hexdigest()
    folder = CACHE / "fastify"
    stamp = folder / "installed.json"
    if stamp.exists() and json.loads(stamp.read_text()) == digest:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for name in INSTALLED:
        shutil.copyfile(HERE / name, folder / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise Absent(f"`npm ci` took more than {INSTALL_SECONDS} s") from None
    if done.returncode != 0:
        raise Absent(f"`npm ci` failed: {(done.stderr.strip() or done.stdout.strip())[-300:]}")
    stamp.write_text(json.dumps(digest))
    return folder


def _write_key(redis_url: str, key: str) -> None:
    at = urlsplit(redis_url)
    assert at.hostname is not None
    commands = [["HSET", f"key:{key}", "per_minute", str(LIMIT_PER_MINUTE)]]
    if at.password:
        commands.insert(0, ["AUTH", unquote(at.password)])
    with socket.create_connection((at.hostname, at.port or 6379), timeout=5) as connection:
        for command in commands:
            parts = "".join(f"${len(part)}\r\n{part}\r\n" for part in command)
            connection.sendall(f"*{len(command)}\r\n{parts}".encode())
            said = connection.recv(256)
            if said.startswith(b"-"):
                raise Absent(f"its Redis said {said.decode().strip()}")
