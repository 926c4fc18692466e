"""A database that a test is done with, made again what it was when it was cloned: nobody connected, every row gone that
no migration wrote, every sequence at its start.

Emptying costs a fraction of a clone. What needs it is told by the database, not by what a test is thought to do: every
table that has pages is emptied. Afterwards the whole is compared with the template, its tables, columns, constraints,
triggers, functions, grants and the migrations' own rows; one that differs is not used again.
"""

import asyncio
import time

import asyncpg

PATIENCE_SECONDS = 5.0
POLL_SECONDS = 0.002
_DEFINED = ("attrdef", "attribute", "constraint", "index", "namespace", "policy", "proc", "sequence", "trigger", "type")
"""Catalogs that emptying a table leaves as they are: whoever wrote each row tells whether it is the template's."""

_OTHERS_ENDED = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_WITH_ROWS = """
SELECT coalesce(array_agg(oid::regclass::text ORDER BY oid), '{}') FROM pg_class
WHERE relkind = 'r' AND oid >= 16384 AND pg_relation_size(oid) > 0
"""
_SEQUENCES_RESTARTED = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"
_RELATIONS = """
SELECT sum(hashtextextended(concat_ws(' ', oid, relname, relnamespace, relowner, relacl, relrowsecurity), 0))::text
FROM pg_class WHERE oid >= 16384
"""

_templates_rows: list[str] = []
_templates_digest: list[str] = []


async def remember(connection: asyncpg.Connection) -> None:
    """What the template, migrated whole, holds."""
    _templates_rows[:] = await connection.fetchval(_WITH_ROWS)
    _templates_digest[:] = await _digest(connection)


async def emptied(connection: asyncpg.Connection) -> bool:
    """Whether the clone, by its owner's connection, is as the template again."""
    try:
        await _end_others(connection)
        await _empty(connection)
        return await _digest(connection) == _templates_digest
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False


async def _end_others(connection: asyncpg.Connection) -> None:
    """They end by themselves, or are ended."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while await connection.fetchval(_OTHERS_ENDED):
        if time.monotonic() > deadline:
            raise TimeoutError
        await asyncio.sleep(POLL_SECONDS)


async def _empty(connection: asyncpg.Connection) -> None:
    written = [table for table in await connection.fetchval(_WITH_ROWS) if table not in _templates_rows]
    if written:
        await connection.execute(f"TRUNCATE {', '.join(written)} CASCADE")
    await connection.execute(_SEQUENCES_RESTARTED)


async def _digest(connection: asyncpg.Connection) -> list[str]:
    """Which tables have rows, which, and all that is defined."""
    rows = (f"(SELECT string_agg(t::text, E'\\n' ORDER BY t::text) FROM {table} t)" for table in _templates_rows)  # noqa: S608
    defined = (f"(SELECT sum(hash_record_extended((xmin, 0), 0))::text FROM pg_{name})" for name in _DEFINED)  # noqa: S608
    called = "(SELECT string_agg(last_value::text, ' ' ORDER BY schemaname, sequencename) FROM pg_sequences)"
    parts = [f"({_RELATIONS})", f"({_WITH_ROWS})::text", called, *rows, *defined]
    return [str(part) for part in await connection.fetchrow(f"SELECT {', '.join(parts)}")]
