"""`python -m deploy.local run | demo | test | mutate | lint | bench | profile`: what stands behind the Makefile."""

import runpy
import sys

from deploy.local import tasks
from deploy.local.runner import main as runner

USAGE = "usage: python -m deploy.local run|demo|test|mutate|lint|bench|profile [arguments]"


def main() -> int:
    name, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    if name == "run":
        return runner.run(arguments)
    if name == "test":
        return tasks.test(arguments)
    if name == "lint":
        return tasks.lint()
    if name in tasks.MODULES:
        return _become(tasks.MODULES[name], arguments)
    print(USAGE, file=sys.stderr)
    return 2


def _become(module: str, arguments: list[str]) -> int:
    """Runs a module as `python -m` would."""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
