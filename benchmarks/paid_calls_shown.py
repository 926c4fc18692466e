"""What `paid_calls` measured: its tables, and the issue's lines of speed against it.

The ratios are of one run. A line whose rival was not there is not judged.
"""

from typing import Any

from benchmarks.contestants import OURS
from benchmarks.paid_calls import GENERATOR
from benchmarks.tables import Asked, Table

OF_FASTIFYS_GATEWAY, OF_FASTIFYS_ALL, TIMES_NAIVE = 0.55, 1.0, 45
MS_ABOVE_NGINX = 1.5

Rows = dict[str, dict[str, Any]]


def tables(measured: dict[str, Any]) -> list[Table]:
    return [_speeds(measured), _programs(measured), *_ratios(measured)]


def _speeds(measured: dict[str, Any]) -> Table:
    rows = [
        [
            f"{name}, {connections} at once",
            f"{one['calls_per_second']:,.0f}",
            f"{one['p50_ms']:.2f}",
            f"{one['p99_ms']:.2f}",
            f"{one['gateway_us']:,.0f}" if one["gateway_us"] else "",
            f"{one['all_us']:,.0f}" if one["all_us"] else "",
            str(one["errors"]),
        ]
        for connections, rows in measured["at_once"].items()
        for name, one in rows.items()
    ]
    columns = ("", "calls/s", "p50 ms", "p99 ms", "gateway us", "all us", "errors")
    title = f"Calls: {measured['rounds']} rounds of {measured['seconds']:g} s by {measured['generator']}; CPU a call"
    notes = [f"{name} is left out: {why}" for name, why in measured["skipped"].items()]
    return Table(title, columns, rows, notes)


def _programs(measured: dict[str, Any]) -> Table:
    rows = []
    for connections, those in measured["at_once"].items():
        for name, one in those.items():
            own = [*one.get("programs", ()), "upstream", GENERATOR]
            told = ", ".join(f"{program} {one['cpu_us'][program]:,.0f}" for program in own)
            rows.append([f"{name}, {connections} at once", told])
    idle = ", ".join(f"{name} {used:,.0f}" for name, used in measured["idle_us_a_second"].items() if used >= 1)
    return Table("CPU of each program, us a call", ("", "program"), rows, [f"Idle, us a second: {idle or 'nothing'}."])


def _ratios(measured: dict[str, Any]) -> list[Table]:
    rows = []
    for connections, those in measured["at_once"].items():
        ours = those[OURS]
        for name, rival in those.items():
            if name == OURS or not rival["gateway_us"]:
                continue
            parts = ("gateway_us", "all_us", "calls_per_second", "p50_ms", "p99_ms")
            rows.append([f"{name}, {connections} at once", *(_ratio(ours[part], rival[part]) for part in parts)])
    columns = ("tollgate against", "gateway CPU", "all CPU", "calls/s", "p50", "p99")
    return [Table("Ours as a multiple of a rival's, in the same run", columns, rows)] if rows else []


def asked(measured: dict[str, Any], flush_ms: float) -> list[Asked]:
    alone, busy = measured["at_once"].get("1", {}), measured["at_once"].get("32", {})
    return [
        _at_most("gateway's CPU, of fastify's", OF_FASTIFYS_GATEWAY, _of(busy, "fastify", "gateway_us")),
        _at_most("CPU of all processes, of fastify's", OF_FASTIFYS_ALL, _of(busy, "fastify", "all_us")),
        _at_least("calls per second, of fastify's", 1.0, _of(busy, "fastify", "calls_per_second")),
        _at_least("naive gateway's CPU, of ours", TIMES_NAIVE, _inverse(_of(busy, "naive", "gateway_us"))),
        _above("alone: p50 above nginx's", MS_ABOVE_NGINX + flush_ms, alone, "nginx", "p50_ms"),
        _above("at 32: p99 above fastify's", flush_ms, busy, "fastify", "p99_ms"),
    ]


def _of(rows: Rows, rival: str, part: str) -> float | None:
    if rival not in rows or OURS not in rows or not rows[rival][part]:
        return None
    return float(rows[OURS][part] / rows[rival][part])


def _inverse(ratio: float | None) -> float | None:
    return 1 / ratio if ratio else None


def _at_most(what: str, most: float, reached: float | None) -> Asked:
    return Asked(what, f"at most {most:g} x", _times(reached), None if reached is None else reached <= most)


def _at_least(what: str, least: float, reached: float | None) -> Asked:
    return Asked(what, f"at least {least:g} x", _times(reached), None if reached is None else reached >= least)


def _above(what: str, most_ms: float, rows: Rows, rival: str, part: str) -> Asked:
    asked = f"at most {most_ms:.2f} ms"
    if rival not in rows or OURS not in rows:
        return Asked(what, asked, "", None)
    above = rows[OURS][part] - rows[rival][part]
    return Asked(what, asked, f"{above:.2f} ms", above <= most_ms)


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f} x"


def _ratio(ours: float, rival: float) -> str:
    return f"{ours / rival:.2f}" if rival else ""
