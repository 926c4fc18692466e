"""The whole stack in order: a folder of its own, orphans ended, servers, schemas, programs, `stack.json`.

Everything is started from the main thread, whose end the children would notice.
"""

import time
from pathlib import Path
from typing import Any

from deploy.local import processes
from deploy.local.runner.addresses import inner_ports, require_port
from deploy.local.runner.console import say
from deploy.local.runner.data_folder import DataFolder
from deploy.local.runner.fleet import Fleet
from deploy.local.runner.greeting import greeting
from deploy.local.runner.keyring import open_keyring
from deploy.local.runner.migrations import migrate_if_due
from deploy.local.runner.orphans import Register
from deploy.local.runner.programs import SERVICES, Addresses, Plan
from deploy.local.runner.servers import Servers
from deploy.local.runner.signals import Signals
from deploy.local.runner.stack_file import StackFile, stack_content

CALM_REST_SECONDS = 1.0
RESTLESS_REST_SECONDS = 0.05


class Stack:
    """All that one runner owns."""

    def __init__(self, data: Path, port: int, signals: Signals, *, durable: bool) -> None:
        self.port = port
        self.signals = signals
        self.began_at = time.monotonic()
        self.folder = DataFolder(data)
        self.servers = Servers(data, self.folder.logs, durable=durable)
        self.fleet = Fleet(self.folder.logs)
        self.stack_file = StackFile(data / "stack.json")
        self.register = Register(data / "processes.json")
        self.has_begun = False

    def start(self) -> Plan:
        """Returns once everything answers: the plan that it runs by. LaunchError, or an OSError, if something won't."""
        self.folder.take()
        self._end_orphans()
        require_port(self.port)
        self.has_begun = True
        processes.adopt_orphans()
        say(f"Tollgate, data in {self.folder.path}, each program's log in logs/ there.")
        self.folder.put_old_logs_aside()
        self.servers.start()
        self._write_register()
        plan = self._make_plan()
        self._start_programs(plan)
        self.stack_file.write_if_new(self._content(plan))
        self._greet(plan)
        return plan

    def watch(self, plan: Plan) -> None:
        """Until a signal: notices deaths at once (SIGCHLD rings), and looks anyway every second."""
        while True:
            changed = self.servers.heal()
            changed = self.fleet.look() or changed
            if self.stack_file.write_if_new(self._content(plan)) or changed:
                self._write_register()
            processes.reap_orphans(self.fleet.own_pids() + self.servers.own_pids())
            self.signals.rest(CALM_REST_SECONDS if self.fleet.is_calm() else RESTLESS_REST_SECONDS)

    def stop(self) -> None:
        """In order, and whatever the start had reached; `stack.json` goes first, for it says `it answers`."""
        self.signals.is_stopping = True
        if not self.folder.is_taken:
            return
        if self.has_begun:
            say("\nStopping.")
        self.stack_file.remove()
        self.fleet.stop(lambda: self.signals.is_in_a_hurry)
        self.servers.stop()
        self.register.clear()
        processes.reap_orphans([])
        self.folder.let_go()
        if self.has_begun:
            say(f"Everything is stopped; the data stays in {self.folder.path}.")

    def _end_orphans(self) -> None:
        self.stack_file.remove()
        ended = self.register.end_all()
        if ended:
            say(f"An earlier runner was killed; ended what it left: {', '.join(ended)}.")

    def _make_plan(self) -> Plan:
        data = self.folder.path
        addresses = Addresses(self.port, inner_ports(data / "ports.json", public=self.port))
        keyring = open_keyring(data / "secrets.json", list(SERVICES))
        return Plan(data, addresses, keyring, self.servers.postgres.owner_url, self.servers.redis.url)

    def _start_programs(self, plan: Plan) -> None:
        """The schemas first; meanwhile what needs none of them already starts."""
        self.fleet.add(plan.programs())
        self.fleet.start(lambda one: one.name not in SERVICES)
        self._write_register()
        migrate_if_due(plan, self.fleet.run_to_end, is_our_database=bool(self.servers.postgres.pids))
        self.fleet.start(lambda one: one.name in SERVICES)
        self._write_register()
        seed = plan.seed()
        if seed is not None:
            self.fleet.run_to_end([seed])
        self.fleet.wait_until_ready()

    def _greet(self, plan: Plan) -> None:
        say(
            greeting(
                gateway=plan.addresses.url("gateway"),
                operator=plan.operator,
                mail=self.fleet.url_of("mail"),
                stack_file=self.stack_file.file,
                seconds=time.monotonic() - self.began_at,
            )
        )

    def _write_register(self) -> None:
        """Without PostgreSQL, whose launcher finds its own orphan."""
        self.register.write(self.fleet.pids() | {"redis": self.servers.redis.pids})

    def _content(self, plan: Plan) -> dict[str, Any]:
        pids = self.fleet.pids()
        services: dict[str, dict[str, Any]] = {
            one.name: {"url": one.program.url, "pids": pids[one.name]} for one in self.fleet.members
        }
        services |= {name: {"pids": of} for name, of in self.servers.pids().items()}
        return stack_content(
            gateway=plan.addresses.url("gateway"),
            services=services,
            database_url=self.servers.postgres.owner_url,
            redis_url=self.servers.redis.url,
            operator=plan.operator,
            stripe_webhook_secret=plan.stripe_webhook_secret,
        )
