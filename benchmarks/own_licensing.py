"""Licensing and gateway of our own beside the stack, on its database and Redis, with validation's limits lifted.

Limits are settings, so a stack that others use keeps its own. Neither runs the background loops: the stack's do.
"""

import base64
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.stack import Stack
from benchmarks.started import Started, wait_until_it_answers
from benchmarks.usage import Meter
from deploy.local import ports
from deploy.local.runner.files import read_json
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.programs import SERVICES, Addresses, Plan, Program
from shared.service_auth import Caller, Minter

MOST_A_MINUTE = "1000000"
LIFTED = {"VALIDATIONS_PER_MINUTE_ADDRESS": MOST_A_MINUTE, "VALIDATIONS_PER_MINUTE_KEY": MOST_A_MINUTE}


@dataclass(frozen=True)
class OwnServices:
    """Where the two answer, what they use, and how the gateway tells licensing who it is."""

    licensing: str
    gateway: str
    meter: Meter
    minter: Minter

    def as_gateway(self) -> dict[str, str]:
        """Headers that let a call in at licensing's own door; good for half a minute."""
        token = self.minter.mint(Caller("gateway", "service"), "licensing")
        return {"Authorization": f"Bearer {token}", "X-Tollgate-Caller-IP": ports.LOOPBACK}


@contextmanager
def running_beside(stack: Stack) -> Iterator[OwnServices]:
    """Both answer; they end with the block."""
    plan = _plan_beside(stack)
    with ExitStack() as ending:
        folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="tollgate-bench-")))
        programs = {one.name: one for one in plan.programs() if one.name in ("licensing", "gateway")}
        for one in programs.values():
            one.environment.update({**LIFTED, "RUN_WORKERS": "false", "LOG_FOLDER": str(folder)})
        started = {name: _start(one, folder, ending) for name, one in programs.items()}
        for name, one in programs.items():
            wait_until_it_answers(started[name], _port(one))

        def pids() -> Mapping[str, list[int]]:
            return stack.pids() | {name: one.pids for name, one in started.items()}

        minter = Minter("gateway", base64.urlsafe_b64decode(plan.keyring.of("gateway", "signing_key")))
        yield OwnServices(programs["licensing"].url, programs["gateway"].url, Meter(pids), minter)


def _plan_beside(stack: Stack) -> Plan:
    """The stack's own plan, but for where licensing and gateway listen."""
    data, content = stack.file.parent.resolve(), stack.content
    inner = {**(read_json(data / "ports.json") or {}), "licensing": ports.free_port()}
    keyring = open_keyring(data / "secrets.json", list(SERVICES))
    return Plan(data, Addresses(ports.free_port(), inner), keyring, content["database_url"], content["redis_url"])


def _start(program: Program, folder: Path, ending: ExitStack) -> Started:
    log = folder / f"{program.name}.log"
    started = Started.program(program.command, log=log, environment=program.environment)
    ending.callback(started.stop)
    return started


def _port(program: Program) -> int:
    port = urlsplit(program.url).port
    assert port is not None
    return port
