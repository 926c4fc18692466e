"""`python -m services.<name> serve | worker | migrate | settings`, the same for every service."""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import uvicorn
from fastapi import FastAPI

from shared import garbage, open_files
from shared.doors.protocol import ProblemProtocol
from shared.loops import Loop, running
from shared.processes import Processes, bound_with_others
from shared.settings import ServiceSettings, described, load
from shared.siblings import Siblings
from shared.telemetry import configure_logging, logger

Opener = Callable[[Any], AbstractAsyncContextManager[Any]]
Loops = Callable[[Any], Sequence[Loop]]

_NOT_STARTED = 3
"""The exit code that uvicorn gives a server which could not start."""

GRACE_SECONDS = 25
"""How long a stopping process lets its answers end (it must be gone within 30 s of SIGTERM)."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a service's own: what it does in a line, what it takes, and the doing, which is given the settings
    and what the command line says. One that needs no settings is given None and works without any."""

    about: str
    run: Callable[[Any, argparse.Namespace], None]
    add_arguments: Callable[[argparse.ArgumentParser], None] = lambda _parser: None
    needs_settings: bool = True


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How the service was called, where it was not by `python -m services.<name>`. `prepare` is called once the command
    line is understood, before settings are read from the environment."""

    prog: str
    arguments: Sequence[str]
    parser_class: type[argparse.ArgumentParser] = argparse.ArgumentParser
    prepare: Callable[[argparse.Namespace], None] = lambda _given: None


def run(
    name: str,
    *,
    settings: type[ServiceSettings],
    create_app: Callable[[Any], FastAPI],
    open_service: Opener,
    loops: Loops,
    commands: Mapping[str, Command] = MappingProxyType({}),
    processes: Callable[[Any], int] = lambda _settings: 1,
    line: CommandLine | None = None,
) -> None:
    """Parse the command line and do it; help and refusals of it need no settings. `commands` are the service's own,
    `processes` says how many processes `serve` is."""
    line = line or CommandLine(f"python -m services.{name}", sys.argv[1:])
    given = _parser(line, commands).parse_args(line.arguments)
    if given.command == "settings":
        sys.stdout.write("\n".join(described(settings)) + "\n")
        return
    if given.command in commands and not commands[given.command].needs_settings:
        commands[given.command].run(None, given)
        return
    line.prepare(given)
    loaded = load(settings)
    configure_logging(
        name,
        loaded.log_level,
        said_from=_said_from(loaded, given.command),
        folder=loaded.log_folder,
        file_bytes=loaded.log_file_megabytes * 1_048_576,
    )
    if given.command == "migrate":
        from shared import migrations  # noqa: PLC0415 - Alembic weighs 20 MB that `serve` does not need

        migrations.main(name, loaded.database_owner_url, loaded.database_url)
    elif given.command == "serve":
        serve(partial(create_app, loaded), host=given.host, port=given.port, processes=processes(loaded))
    elif given.command == "worker":
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(_work(loaded, open_service, loops))
    else:
        commands[given.command].run(loaded, given)


def _said_from(settings: ServiceSettings, command: str) -> str | None:
    """Who asks at a terminal reads the answer there, not its story, unless something went wrong or LOG_LEVEL is set."""
    return None if command in ("serve", "worker") or "log_level" in settings.model_fields_set else "warning"


def _parser(line: CommandLine, own: Mapping[str, Command]) -> argparse.ArgumentParser:
    parser = line.parser_class(prog=line.prog)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serving = commands.add_parser("serve", help="answer HTTP, with the background loops unless RUN_WORKERS=false")
    serving.add_argument("--host", default="127.0.0.1")
    serving.add_argument("--port", type=int, required=True)
    commands.add_parser("worker", help="run the background loops only")
    commands.add_parser("migrate", help="upgrade this service's schema")
    commands.add_parser("settings", help="list every setting with its default and meaning")
    for name, command in own.items():
        command.add_arguments(commands.add_parser(name, help=command.about, description=f"{command.about}."))
    return parser


def serve(create: Callable[[], FastAPI], *, host: str, port: int, processes: int) -> None:
    """Answer HTTP until SIGTERM or SIGINT: by this process, or by so many children of it."""
    open_files.raise_limit()
    if processes == 1:
        app = create()
        server = _Server(uvicorn.Config(app, host=host, port=port, **uvicorn_options(app)))
        with contextlib.suppress(KeyboardInterrupt):
            server.run()
        if not server.started:
            raise SystemExit(_NOT_STARTED)
        return

    def child(number: int, say_ready: Callable[[], None]) -> None:
        app = create()
        app.state.siblings = Siblings(Path(folder), number, processes)
        served = _Child(uvicorn.Config(app, **uvicorn_options(app)), say_ready)
        served.run(sockets=[bound_with_others(host, port)])

    # The port is ours also while no child lives.
    with tempfile.TemporaryDirectory(prefix="tollgate-") as folder, closing(bound_with_others(host, port)):
        raise SystemExit(Processes(processes, child).run())


class _Server(uvicorn.Server):
    """A process of its own: what it has opened, it keeps."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        garbage.settle()


class _Child(_Server):
    """A server that says when it answers."""

    def __init__(self, config: uvicorn.Config, say_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._say_ready = say_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self.config.app.state.siblings.listen()  # type: ignore[union-attr]
        self._say_ready()


def uvicorn_options(app: object) -> dict[str, Any]:
    """How we run uvicorn: our own logs and headers, and an end to what does not end. An application may bring its own
    protocol as `app.state.http_protocol`."""
    return {
        "loop": "uvloop",
        "http": getattr(getattr(app, "state", None), "http_protocol", ProblemProtocol),
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "date_header": True,
        "proxy_headers": False,
        "log_config": None,
        "timeout_graceful_shutdown": GRACE_SECONDS,
        "timeout_keep_alive": 75,
        "backlog": min(2048, socket.SOMAXCONN),
    }


async def _work(settings: ServiceSettings, open_service: Opener, loops: Loops) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_service(settings) as service, running(loops(service)):
        logger.info("worker_started")
        await stop.wait()


def lifespan(
    settings: ServiceSettings, open_service: Opener, loops: Loops
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """An application's lifespan: the service opened into `app.state.service`, its loops into `app.state.loops`, running
    beside it unless the settings say otherwise."""

    @contextlib.asynccontextmanager
    async def live(app: FastAPI) -> AsyncIterator[None]:
        async with open_service(settings) as service:
            app.state.service = service
            app.state.loops = loops(service)
            async with running(app.state.loops if settings.run_workers else ()):
                yield

    return live
