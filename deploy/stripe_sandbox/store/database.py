"""The file: its tables, opening it, and transactions."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Applied in order; `user_version` counts those that a file has had. Never change one that was released.
MIGRATIONS = (
    """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

    -- Stripe's objects, events among them. seq is their order; hidden is what no answer may show.
    CREATE TABLE objects (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        created INTEGER NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0,
        body TEXT NOT NULL,
        hidden TEXT
    ) STRICT;
    CREATE INDEX objects_by_kind ON objects (kind, seq);
    CREATE INDEX objects_by_customer ON objects (kind, json_extract(body, '$.customer'), seq);
    CREATE INDEX objects_by_intent ON objects (kind, json_extract(body, '$.payment_intent'), seq);
    CREATE INDEX open_sessions ON objects (json_extract(body, '$.expires_at'))
        WHERE kind = 'checkout.session' AND json_extract(body, '$.status') = 'open';

    -- One row for each copy of an event that is to reach the webhook.
    CREATE TABLE deliveries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        event_id TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'held', 'dropped', 'delivered', 'failed')),
        attempts INTEGER NOT NULL DEFAULT 0,
        first_at REAL NOT NULL,
        next_at REAL NOT NULL,
        last_error TEXT
    ) STRICT;
    CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';
    CREATE INDEX deliveries_by_event ON deliveries (event_id);

    -- The first answer to each Idempotency-Key, and a hash of what was asked.
    CREATE TABLE idempotency (
        key TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        status INTEGER NOT NULL,
        body BLOB NOT NULL,
        request_id TEXT NOT NULL,
        created INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_by_age ON idempotency (created);
    """,
    """
    -- What is due to happen to an object by the passing of time alone; a row goes when it is done.
    CREATE TABLE timers (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        verb TEXT NOT NULL,
        object_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX timers_due ON timers (at, seq);
    CREATE INDEX objects_by_charge ON objects (kind, json_extract(body, '$.charge'), seq);
    CREATE INDEX objects_by_source ON objects (kind, json_extract(body, '$.source'), seq);
    """,
    """
    -- A subscription's items, its invoices and what waits for one; an invoice's payment.
    CREATE INDEX objects_by_invoice ON objects (kind, json_extract(body, '$.invoice'), seq);
    CREATE INDEX objects_by_subscription ON objects (kind, json_extract(body, '$.subscription'), seq);
    CREATE INDEX objects_by_parent ON objects
        (kind, json_extract(body, '$.parent.subscription_details.subscription'), seq);
    """,
)


def open_file(path: Path) -> sqlite3.Connection:
    """The connection, in autocommit: `transaction` begins and ends its own.

    The file is for its owner only; SQLite gives its mode to the two that it keeps beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.chmod(0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    _migrate(connection)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection) -> None:
    done = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if done > len(MIGRATIONS):
        raise RuntimeError(f"the data file is from a newer sandbox (version {done}, this one knows {len(MIGRATIONS)})")
    for number, script in enumerate(MIGRATIONS[done:], start=done + 1):
        connection.executescript(f"BEGIN IMMEDIATE;{script}PRAGMA user_version = {number};COMMIT;")
