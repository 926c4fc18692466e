"""The schemas: migrated at a start, unless this very database has had these very migrations.

That is remembered in `migrated.json`, for a look at the schemas costs a start two seconds.
"""

import hashlib
import time
from collections.abc import Callable

from deploy.local.runner.console import say_ready
from deploy.local.runner.files import read_json, write_json
from deploy.local.runner.programs import ROOT, Plan, Program


def migrate_if_due(plan: Plan, run_to_end: Callable[[list[Program]], None], *, is_our_database: bool) -> None:
    """Remembers nothing of a database that was given: others may change it."""
    began_at = time.monotonic()
    stamp = plan.data / "migrated.json"
    state = _state(plan)
    if read_json(stamp) == state:
        return
    stamp.unlink(missing_ok=True)
    migrations = plan.migrations()
    run_to_end(migrations)
    if migrations:
        say_ready("schemas", time.monotonic() - began_at)
    if is_our_database:
        write_json(stamp, state)


def _state(plan: Plan) -> dict[str, str]:
    """What decides whether there is anything to migrate: the files, the database, the roles' passwords."""
    content = hashlib.sha256()
    for folder in (ROOT / "services", ROOT / "shared"):
        for file in sorted(folder.rglob("migrations/**/*.py")):
            content.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    for program in plan.migrations():
        service = program.name.removeprefix("migrate-")
        content.update(plan.keyring.of(service, "database_password").encode())
    identity = plan.data / "postgres" / "data" / "PG_VERSION"
    made_at = str(identity.stat().st_mtime_ns) if identity.exists() else "elsewhere"
    return {"files": content.hexdigest(), "database": made_at}
