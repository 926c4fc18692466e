"""`secrets`: which versions of the master secret live keys bear, and which may go."""

import argparse
import asyncio
import sys

from services.licensing.settings import Settings
from services.licensing.use_cases.secret_versions import Version, versions
from shared.clock import SystemClock
from shared.db import Database
from shared.doors.answers import encode
from shared.service_main import Command

EXIT_BROKEN = 1


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer as JSON")


def _run(settings: Settings, given: argparse.Namespace) -> None:
    found = asyncio.run(_versions(settings))
    if given.json:
        sys.stdout.write(encode({"data": [_view(each) for each in found]}).decode() + "\n")
    else:
        sys.stdout.write("".join(f"{_line(each)}\n" for each in found))
    if not all(each.is_known for each in found):
        raise SystemExit(EXIT_BROKEN)


async def _versions(settings: Settings) -> list[Version]:
    database = Database(settings.database_url, pool_size=1, application="licensing-secrets")
    try:
        return await versions(database, settings.master_secrets, SystemClock())
    finally:
        await database.close()


def _view(version: Version) -> dict[str, object]:
    return {
        "version": version.version,
        "live_keys": version.keys,
        "current": version.is_current,
        "known": version.is_known,
        "may_retire": version.may_retire,
    }


def _line(version: Version) -> str:
    keys = "1 live key" if version.keys == 1 else f"{version.keys} live keys"
    if not version.is_known:
        return f"version {version.version}: {keys}; NOT AT HAND: licensing does not start without it"
    if version.is_current:
        return f"version {version.version}: {keys}; makes new keys"
    return f"version {version.version}: {keys}; {'may retire' if version.may_retire else 'still needed'}"


SECRETS = Command(
    "list the versions of the license master secret with their live keys; ends with 1 where one is not at hand",
    run=_run,
    add_arguments=_add_arguments,
)
