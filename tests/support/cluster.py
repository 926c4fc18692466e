"""A Redis Cluster of two nodes on loopback, each with half of the slots."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import redis

from deploy.local import ports

_SLOTS = 16_384
_BUS_OFFSET = 10_000
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class RedisCluster:
    """Where its nodes are."""

    urls: Sequence[str]

    @classmethod
    @contextlib.contextmanager
    def running(cls, program: str, folder: Path, nodes: int = 2) -> Iterator["RedisCluster"]:
        chosen = [_free_port() for _ in range(nodes)]
        processes = [_start(program, folder / str(port), port) for port in chosen]
        try:
            _join(chosen)
            yield cls([f"redis://{ports.LOOPBACK}:{port}/0" for port in chosen])
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=10)


def _free_port() -> int:
    """A port whose bus port is free too."""
    while True:
        with socket.socket() as one, socket.socket() as its_bus:
            one.bind((ports.LOOPBACK, 0))
            port: int = one.getsockname()[1]
            if port + _BUS_OFFSET > 65_535:
                continue
            with contextlib.suppress(OSError):
                its_bus.bind((ports.LOOPBACK, port + _BUS_OFFSET))
                return port


def _start(program: str, folder: Path, port: int) -> subprocess.Popen[bytes]:
    folder.mkdir()
    arguments = {
        "bind": ports.LOOPBACK,
        "port": str(port),
        "cluster-enabled": "yes",
        "cluster-node-timeout": "15000",
        "save": "",
        "dir": str(folder),
    }
    command = [program, *(part for name, value in arguments.items() for part in (f"--{name}", value))]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def _join(chosen: Sequence[int]) -> None:
    clients = [redis.Redis(host=ports.LOOPBACK, port=port) for port in chosen]
    try:
        for client in clients:
            _until(partial(_answers, client))
        share = -(-_SLOTS // len(clients))
        for place, client in enumerate(clients):
            last = min(_SLOTS, (place + 1) * share) - 1
            _ask(client, "ADDSLOTSRANGE", place * share, last)
            _ask(client, "SET-CONFIG-EPOCH", place + 1)
        for port in chosen[1:]:
            _ask(clients[0], "MEET", ports.LOOPBACK, port)
        for client in clients:
            _until(partial(_is_whole, client))
    finally:
        for client in clients:
            client.close()


def _answers(client: redis.Redis) -> bool:
    return bool(client.ping())


def _is_whole(client: redis.Redis) -> bool:
    return "ok" in str(_ask(client, "INFO")["cluster_state"])


def _ask(client: redis.Redis, *words: str | int) -> Any:
    return client.execute_command(f"CLUSTER {words[0]}", *words[1:])  # type: ignore[no-untyped-call]


def _until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if check():
                return
        assert time.monotonic() < deadline, "the cluster is not ready in time"
        time.sleep(0.05)
