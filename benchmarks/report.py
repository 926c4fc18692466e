"""All benchmarks by name, and what they found as one text: the machine, the tables, what was asked and reached."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks import (
    assessments,
    fraud_features,
    fraud_rules,
    ledger,
    machine,
    many_keys,
    memory,
    paid_calls,
    paid_calls_shown,
    refusals,
    streams,
    validation,
)
from benchmarks.options import Options
from benchmarks.stack import Stack
from benchmarks.tables import Asked, Table, asked_table

Measured = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """`asked` gets the milliseconds of a disk flush beside what was measured."""

    measure: Callable[[Stack, Options], Measured]
    tables: Callable[[Measured], list[Table]]
    asked: Callable[[Measured, float], list[Asked]]


def _shorter_ledger(stack: Stack, options: Options) -> Measured:
    """It takes 24 turns a round, so each is shorter than a turn of the paid calls."""
    return ledger.measure(stack, replace(options, seconds=options.seconds / 2, rounds=min(options.rounds, 3)))


BENCHES: dict[str, Bench] = {
    "memory": Bench(memory.measure, memory.tables, lambda measured, _: memory.asked(measured)),
    "many_keys": Bench(many_keys.measure, many_keys.tables, lambda measured, _: many_keys.asked(measured)),
    "paid_calls": Bench(paid_calls.measure, paid_calls_shown.tables, paid_calls_shown.asked),
    "ledger": Bench(_shorter_ledger, ledger.tables, lambda measured, _: ledger.asked(measured)),
    "refusals": Bench(refusals.measure, refusals.tables, lambda measured, _: refusals.asked(measured)),
    "streams": Bench(streams.measure, streams.tables, lambda measured, _: streams.asked(measured)),
    "validation": Bench(validation.measure, validation.tables, lambda measured, _: validation.asked(measured)),
    "assessments": Bench(assessments.measure, assessments.tables, lambda measured, _: assessments.asked(measured)),
    "fraud_features": Bench(
        fraud_features.measure, fraud_features.tables, lambda measured, _: fraud_features.asked(measured)
    ),
    "fraud_rules": Bench(fraud_rules.measure, fraud_rules.tables, lambda measured, _: fraud_rules.asked(measured)),
}


def shown(results: Measured, *, markdown: bool) -> str:
    found = {name: results[name] for name in BENCHES if name in results}
    tables = [table for name, measured in found.items() for table in BENCHES[name].tables(measured)]
    flush_ms = results["machine"]["disk_flush_ms"]
    lines = [line for name, measured in found.items() for line in BENCHES[name].asked(measured, flush_ms)]
    tables.append(asked_table(lines))
    shown = [table.as_markdown() if markdown else table.as_text() for table in tables]
    return "\n\n".join([_machine(results["machine"], markdown=markdown), *shown])


def _machine(described: Measured, *, markdown: bool) -> str:
    if not markdown:
        return machine.as_text(described)
    return (
        f"{described['measured_at']}, commit {described['commit']}, {described['processor']}, {described['cores']} "
        f"cores, {described['memory_gib']} GiB, {described['system']}, Python {described['python']}; load before "
        f"{described['load_before']}; a flush of 8 KiB to its disk takes {described['disk_flush_ms']} ms."
    )
