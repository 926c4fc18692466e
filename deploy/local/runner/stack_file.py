"""`stack.json`: the address of everything that runs, for scripts, tests and benchmarks.

It is there exactly while the stack answers: written once everything does, rewritten when a process was
replaced, taken away on a clean stop. It holds secrets, so its mode is 0600.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.runner.files import write_json


@dataclass
class StackFile:
    file: Path
    _written: dict[str, Any] = field(default_factory=dict, init=False, repr=False)

    def write_if_new(self, content: dict[str, Any]) -> bool:
        """True if it said something else before."""
        if content == self._written:
            return False
        write_json(self.file, content)
        self._written = content
        return True

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)
        self._written = {}


def stack_content(
    *,
    gateway: str,
    services: dict[str, dict[str, Any]],
    database_url: str,
    redis_url: str,
    operator: dict[str, str],
    stripe_webhook_secret: str,
) -> dict[str, Any]:
    """The shape of the public contract; `services` maps a name to its `pids` and, where it has one, `url`."""
    return {
        "gateway": gateway,
        "environment": "local",
        "services": services,
        "database_url": database_url,
        "redis_url": redis_url,
        "operator": operator,
        "stripe_webhook_secret": stripe_webhook_secret,
    }
