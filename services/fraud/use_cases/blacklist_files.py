"""The blacklist in files: a whole CSV is listed, or nothing of it; and all of it is written out (U9, U11)."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TextIO

from services.fraud.domain import blacklist_csv
from services.fraud.domain.blacklist import Draft
from services.fraud.domain.blacklist_csv import Fault
from services.fraud.service import Fraud
from services.fraud.store import blacklist, many_entries
from services.fraud.store.many_entries import Addition
from services.fraud.use_cases.keep_blacklist import match_of, tell_added
from shared import audit
from shared.db import Connection
from shared.errors import DomainError
from shared.ids import new_uuid
from shared.telemetry import logger

AT_ONCE = 500
MOST_FAULTS_TOLD = 100
EXPORT_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file came to. `already_listed` are rows that a live entry (one of the same file, too) says already: that
    entry stays as it is."""

    rows: int = 0
    added: int = 0
    already_listed: int = 0
    is_dry_run: bool = False


Keep = Callable[[Connection, Imported], Awaitable[None]]


class WrongRows(DomainError):
    """Some of the file's rows can't be listed, so none of them is."""

    def __init__(self, faults: Sequence[Fault], count: int) -> None:
        errors = [{"pointer": f"line {fault.line}:/{fault.column}", "message": fault.message} for fault in faults]
        rows = "1 row is wrong" if count == 1 else f"{count} rows are wrong"
        super().__init__(
            "validation_failed",
            f"{rows}, so nothing was listed. Line {faults[0].line}: {_told(faults[0])}",
            extra={"errors": errors, "wrong_rows": count},
        )
        self.faults, self.count = faults, count


class _DryRun(Exception):
    """Nothing of it is to last."""


async def import_entries(fraud: Fraud, actor: audit.Actor, stream: TextIO, *, dry_run: bool, keep: Keep) -> Imported:
    """List every row of a CSV in one transaction, which `keep` shares; a dry run judges and counts the same, and leaves
    nothing behind but what `keep` saves. It takes a batch's memory. Others that write many entries wait meanwhile.
    Raises WrongRows."""
    done = Imported(is_dry_run=dry_run)
    try:
        async with fraud.database.transaction() as connection:
            await many_entries.take_turns(connection)
            done = await _list_all(fraud, actor, connection, stream, done)
            if dry_run:
                raise _DryRun
            details = {"rows": done.rows, "added": done.added}
            await audit.write(connection, actor, "blacklist.imported", "blacklist", details, at=fraud.clock.now())
            await keep(connection, done)
    except _DryRun:
        async with fraud.database.transaction() as connection:
            await keep(connection, done)
        return done
    logger.info("blacklist_imported", rows=done.rows, added=done.added, by=actor.account_id)
    return done


async def export_entries(fraud: Fraud) -> AsyncIterator[str]:
    """Every live entry as CSV, newest first, a page at a time."""
    after: str | None = None
    is_first = True
    while True:
        async with fraud.database.transaction() as connection:
            entries = await blacklist.page(
                connection,
                kind=None,
                after=after,
                limit=EXPORT_PAGE,
                at=fraud.clock.now(),
                keys=fraud.settings.seal_keys,
            )
        yield blacklist_csv.written(entries, with_header=is_first)
        if len(entries) < EXPORT_PAGE:
            return
        after, is_first = entries[-1].id, False


async def _list_all(
    fraud: Fraud, actor: audit.Actor, connection: Connection, stream: TextIO, done: Imported
) -> Imported:
    faults: list[Fault] = []
    wrong = 0
    for batch in _batches(blacklist_csv.read(stream, now=fraud.clock.now())):
        drafts = [each for each in batch if isinstance(each, Draft)]
        found = [each for each in batch if isinstance(each, Fault)]
        wrong += len(found)
        faults += found[: MOST_FAULTS_TOLD - len(faults)]
        added = 0 if wrong else await _list_some(fraud, actor, connection, drafts)
        done = replace(
            done,
            rows=done.rows + len(batch),
            added=done.added + added,
            already_listed=done.already_listed + len(drafts) - added,
        )
    if faults:
        raise WrongRows(faults, wrong)
    return done


async def _list_some(fraud: Fraud, actor: audit.Actor, connection: Connection, drafts: Sequence[Draft]) -> int:
    at, real_now, key = fraud.clock.now(), fraud.clock.real_now(), fraud.settings.blind_index_key
    additions = [Addition(each, match_of(each.kind, each.value, key), new_uuid(at=real_now)) for each in drafts]
    listed = await many_entries.add(connection, additions, by=actor.account_id, at=at, keys=fraud.settings.seal_keys)
    await tell_added(connection, listed, at=at)
    return len(listed)


def _batches(rows: Iterator[Draft | Fault]) -> Iterator[list[Draft | Fault]]:
    while batch := list(islice(rows, AT_ONCE)):
        yield batch


def _told(fault: Fault) -> str:
    return f"{fault.column} {fault.message}" if fault.column else f"it {fault.message}"
