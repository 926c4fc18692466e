"""Reading a history from Parquet or CSV, and writing scores."""

from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.csv
import pyarrow.parquet

from services.fraud.training.history import BadHistory, Floats, History, Ints

COLUMNS = ("sec", "customer", "terminal", "cents", "scenario")
KNOWN = "known_sec"
"""A column that may be there: when a fraud became known; empty where that is not said."""


def read_history(path: Path) -> History:
    """The payments of a file, in its order. Raises `BadHistory` for whatever is wrong with it."""
    table = _table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise BadHistory(
            f"{path} lacks {', '.join(missing)}; it has {', '.join(table.column_names) or 'no columns'}."
            f" Needed: {', '.join(COLUMNS)}."
        )
    if not table.num_rows:
        raise BadHistory(f"{path} has no rows.")
    second, cents, scenario = (_numbers(table, name) for name in ("sec", "cents", "scenario"))
    known = _known_seconds(table, second) if KNOWN in table.column_names else None
    try:
        return History.of(
            second, _names(table, "customer"), _names(table, "terminal"), cents, scenario, known_second=known
        )
    except BadHistory as error:
        raise BadHistory(f"{path}: {error}") from error


def write_history(path: Path, columns: dict[str, Any]) -> None:
    """A history as a file: CSV where its name ends so, else Parquet."""
    _write(path, pyarrow.table(columns))


def write_scores(path: Path, score: Floats) -> None:
    """One column `score`, as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table({"score": score}), path)


def _write(path: Path, table: pyarrow.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pyarrow.parquet.write_table(table, path)


def _table(path: Path) -> pyarrow.Table:
    if not path.is_file():
        raise BadHistory(f"{path} is not a file.")
    try:
        if path.suffix == ".csv":
            return pyarrow.csv.read_csv(path)
        return pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        kind = "CSV" if path.suffix == ".csv" else "Parquet (a CSV file's name has to end in .csv)"
        raise BadHistory(f"{path} can't be read as {kind}: {error}") from error


def _numbers(table: pyarrow.Table, name: str) -> Ints:
    column = table[name]
    if not pyarrow.types.is_integer(column.type):
        raise BadHistory(f"Column `{name}` holds {column.type}, not whole numbers.")
    _refuse_gaps(column, name)
    return numpy.asarray(column.to_numpy(), numpy.int64)


def _names(table: pyarrow.Table, name: str) -> "numpy.ndarray[Any, Any]":
    """Customers and terminals are called by whole numbers or by strings."""
    column = table[name]
    _refuse_gaps(column, name)
    if pyarrow.types.is_integer(column.type):
        return numpy.asarray(column.to_numpy(), numpy.int64)
    if pyarrow.types.is_string(column.type) or pyarrow.types.is_large_string(column.type):
        return numpy.asarray(column.combine_chunks().dictionary_encode().indices.to_numpy())
    raise BadHistory(f"Column `{name}` holds {column.type}, neither whole numbers nor strings.")


def _known_seconds(table: pyarrow.Table, second: Ints) -> Ints:
    column = table[KNOWN]
    if pyarrow.types.is_null(column.type):
        return second
    if not pyarrow.types.is_integer(column.type):
        raise BadHistory(f"Column `{KNOWN}` holds {column.type}, not whole numbers.")
    told = numpy.asarray(column.is_valid().to_numpy(), bool)
    return numpy.where(told, numpy.asarray(column.fill_null(0).to_numpy(), numpy.int64), second)


def _refuse_gaps(column: pyarrow.ChunkedArray, name: str) -> None:
    if column.null_count:
        row = int(numpy.argmin(column.is_valid().to_numpy())) + 1
        raise BadHistory(f"Column `{name}` is empty in row {row}.")
