"""Runs the stack of one folder until a signal: SIGINT, SIGTERM and SIGHUP stop it in order.

The public door ends first, then the services, what stands in for the world, Redis and PostgreSQL last. A
second signal kills what still hesitates.
"""

import argparse
from pathlib import Path

from deploy.local.children import LaunchError
from deploy.local.runner.console import complain
from deploy.local.runner.signals import Signals, StopAsked
from deploy.local.runner.stack import Stack


def run(arguments: list[str]) -> int:
    """Runs the stack until it is asked to stop. Answers the exit code; failures are told in words."""
    options = _parse(arguments)
    signals = Signals()
    stack = Stack(options.data_dir.expanduser().absolute(), options.port, signals, durable=not options.without_sync)
    try:
        signals.listen()
        stack.watch(stack.start())
    except StopAsked:
        return 0
    except PermissionError as failure:
        complain(
            f"{failure}\nWas {options.data_dir} made by another user (root)? Use another folder: "
            "make run DATA_DIR=.tollgate-mine"
        )
        return 1
    except (LaunchError, OSError) as failure:
        complain(str(failure))
        return 1
    finally:
        stack.stop()
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local run", description=__doc__)
    parser.add_argument("--port", type=int, default=8082, help="the gateway's port (8082)")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="where everything is kept")
    parser.add_argument("--without-sync", action="store_true", help="no fsync: faster, for tests only")
    return parser.parse_args(arguments)
