"""The benchmark of validations measures what it says, and tells it beside its rivals."""

from typing import Any

from benchmarks import validation, validation_alone
from benchmarks.validation_alone import FORGED, HMAC, SIGNED, VERDICT, Workbench
from services.licensing.domain.verdict import Code


async def test_what_is_measured_alone_is_the_services_own_verdict() -> None:
    bench = Workbench()
    await bench.open()
    assert (await bench.validate()).verdict.code is Code.VALID
    assert (await bench.validate_forged()).verdict.code is Code.BAD_SIGNATURE
    assert {"Signature", "Signature-Input", "Content-Digest"} == set(await bench.answer_signed())


def test_every_call_has_its_cpu_time() -> None:
    measured = validation_alone.measure(rounds=1, seconds=0.001)
    assert all(us > 0 for us in measured.values())
    assert measured[HMAC] < measured[VERDICT] < measured[SIGNED]


def figures(rate: float) -> dict[str, Any]:
    cpu = dict.fromkeys(validation.PROGRAMS, 100.0)
    return {**cpu, "calls_per_second": rate, "p50_ms": 1.0, "p99_ms": 2.0}


def test_a_validation_is_told_beside_the_ping_of_the_same_process() -> None:
    names = (validation.PING, validation.VALIDATE, validation.GATEWAY_PING, validation.THROUGH_GATEWAY)
    rates = dict(zip(names, map(figures, (8_000.0, 2_000.0, 6_000.0, 600.0)), strict=True))
    measured = {"alone": {HMAC: 2.0, FORGED: 12.0, VERDICT: 30.0}, "at_once": {"32": rates}}
    alone, http = validation.tables(measured | {"rounds": 5, "seconds": 4.0, "generator": "wrk"})
    assert ["validation", "30.00", "15.0", "33,333"] in list(alone.rows)
    told = {row[0].partition(",")[0]: row[-1] for row in http.rows}
    assert told == dict(zip(names, ("", "0.25", "", "0.10"), strict=True))


def test_a_forged_key_that_costs_more_than_a_right_one_is_said() -> None:
    (line,) = validation.asked({"alone": {FORGED: 31.0, VERDICT: 30.0}})
    assert line.held is False
