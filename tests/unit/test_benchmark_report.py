"""What the benchmarks tell: tables, what was asked beside what was reached, and a profile's summary."""

from typing import Any

from benchmarks import paid_calls_shown, profile
from benchmarks.tables import Asked, Table, asked_table


def figures(gateway_us: float, all_us: float, rate: float, p50: float, p99: float) -> dict[str, Any]:
    cpu = {"gateway": gateway_us, "upstream": 8.0, "load_generator": 9.0}
    measured = {"gateway_us": gateway_us, "all_us": all_us, "calls_per_second": rate, "p50_ms": p50, "p99_ms": p99}
    return measured | {"cpu_us": cpu, "errors": 0, "programs": ["gateway"]}


def run(**at_32: dict[str, Any]) -> dict[str, Any]:
    alone = {"tollgate": figures(90, 200, 900, 1.0, 2.0), "nginx": figures(11, 11, 9_000, 0.1, 0.2)}
    measured = {"rounds": 1, "seconds": 1.0, "generator": "wrk", "skipped": {"naive": "it is not here"}}
    measured |= {"idle_us_a_second": {"gateway": 900.0}}
    return measured | {"at_once": {"1": alone, "32": at_32}}


def test_what_was_asked_is_judged_against_the_rival_of_the_same_run() -> None:
    ours, fastify = figures(77, 149, 7_400, 4.0, 9.0), figures(140, 149, 7_300, 4.0, 8.9)
    lines = paid_calls_shown.asked(run(tollgate=ours, fastify=fastify), 0.2)
    held = {line.what: line.held for line in lines}
    assert held == {
        "gateway's CPU, of fastify's": True,
        "CPU of all processes, of fastify's": True,
        "calls per second, of fastify's": True,
        "naive gateway's CPU, of ours": None,
        "alone: p50 above nginx's": True,
        "at 32: p99 above fastify's": True,
    }


def test_a_little_too_dear_or_too_slow_is_said_so() -> None:
    ours, fastify = figures(78, 150, 7_200, 4.0, 9.2), figures(140, 149, 7_300, 4.0, 8.9)
    naive = figures(78 * 44, 4_000, 270, 100.0, 300.0)
    lines = paid_calls_shown.asked(run(tollgate=ours, fastify=fastify, naive=naive), 0.2)
    assert [line.held for line in lines] == [False, False, False, False, True, False]


def test_a_rival_that_was_left_out_is_named_under_the_table() -> None:
    tables = paid_calls_shown.tables(run(tollgate=figures(77, 149, 7_400, 4.0, 9.0)))
    assert "naive is left out: it is not here" in tables[0].as_text()
    assert "naive is left out: it is not here" in tables[0].as_markdown()


def test_a_table_is_markdown_too() -> None:
    table = Table("Speeds", ("", "calls/s"), [["direct", "10"]])
    assert table.as_markdown() == "**Speeds**\n\n|  | calls/s |\n| --- | ---: |\n| direct | 10 |"
    assert "not measured" in asked_table([Asked("memory", "less", "", None)]).as_text()


def test_a_profile_tells_where_the_time_is_spent_by_place_and_function() -> None:
    stacks = (
        "run (uvloop/loop.py:1);call (services/gateway/api/x.py:3) 30\nrun (uvloop/loop.py:1);send (redis/a.py:9) 10\n"
    )
    said = profile.told(stacks)
    assert "40 samples" in said
    assert "75.0%  services/gateway/api/x.py" in said
    assert "25.0%  [redis]" in said
    assert "75.0%  call (services/gateway/api/x.py:3)" in said
    assert "run (uvloop" not in said
