"""Made-up payments with made-up frauds: what the shipped model is trained on, and what tests use.

A town of customers, each with a join date, a pace, a usual amount and a spread of their own; most pay from a device
that nobody else uses, sometimes from a shared one, and often several times in a row. Some are machines or players, who
pay little and all day long from their first day on: haste alone is no fraud. The kinds of fraud, as `scenario`:

1. an account taken over: for some days payments several times as large as the customer's, from the thief's devices;
2. a shared terminal that skims: for weeks nearly every payment there is a fraud, of ordinary amount;
3. cards tried out: within hours, dozens of tiny payments from one fresh device, then a few large ones;
4. a single payment far beyond anything that the customer ever paid.

The figures are the author's guesses, chosen for variety; the shipped model is a beginning until a shop has a history.
"""

from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.fraud.domain.model_features import SECONDS_PER_DAY
from services.fraud.training.history import Floats, Ints

_Columns = dict[str, Ints]
_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Town:
    """How large: days of history, customers, and terminals that are shared among them."""

    customers: int
    terminals: int
    days: int


@dataclass(frozen=True)
class _People:
    joined: Ints
    visits_a_day: Floats
    payments_a_visit: Floats
    usual_cents: Floats
    spread: Floats


def generated(town: Town, *, seed: int) -> _Columns:
    """A history in order of time, as `files.write_history` takes it. The same town and seed give the same one."""
    rng = numpy.random.default_rng(seed)
    people = _people(town, rng)
    honest = _honest(town, people, rng)
    parts = [
        _skimmed(town, honest, rng),
        _taken_over(town, people, rng),
        _tried_out(town, rng),
        _far_beyond(town, people, rng),
    ]
    joined = {name: numpy.concatenate([part[name] for part in parts]) for name in honest}
    order = numpy.argsort(joined["sec"], kind="stable")
    return {name: column[order] for name, column in joined.items()}


def _people(town: Town, rng: numpy.random.Generator) -> _People:
    """Half of them were there before; the others join all along."""
    size = town.customers
    is_busy = rng.random(size) < 0.08
    visits = numpy.clip(rng.lognormal(-1.0, 1.0, size), 0.02, 4.0)
    usual = numpy.clip(rng.lognormal(numpy.log(2_000), 1.4, size), 20, 200_000)
    return _People(
        joined=numpy.maximum(rng.integers(-town.days, town.days, size), 0),
        visits_a_day=numpy.where(is_busy, rng.uniform(2.0, 10.0, size), visits),
        payments_a_visit=numpy.where(is_busy, rng.uniform(2.0, 6.0, size), rng.uniform(1.0, 2.0, size)),
        usual_cents=numpy.where(is_busy, numpy.exp(rng.uniform(0.0, numpy.log(1_000), size)), usual),
        spread=rng.uniform(0.25, 0.7, size),
    )


def _honest(town: Town, people: _People, rng: numpy.random.Generator) -> _Columns:
    lived = town.days - people.joined
    visitor = numpy.repeat(numpy.arange(town.customers), rng.poisson(people.visits_a_day * lived))
    began = (people.joined[visitor] + rng.integers(0, lived[visitor])) * SECONDS_PER_DAY
    began += _time_of_day(rng, len(visitor))
    many = rng.geometric(1.0 / people.payments_a_visit[visitor])
    customer = numpy.repeat(visitor, many)
    second = numpy.repeat(began, many) + rng.integers(0, _HOUR // 2, len(customer))
    cents = people.usual_cents[customer] * numpy.exp(rng.normal(0.0, 1.0, len(customer)) * people.spread[customer])
    is_away = numpy.repeat(rng.random(len(visitor)) < 0.4, many)
    terminal = numpy.where(is_away, _shared(town, customer, rng), town.terminals + customer)
    return _columns(numpy.minimum(second, town.days * SECONDS_PER_DAY - 1), customer, terminal, cents, 0)


def _shared(town: Town, customer: Ints, rng: numpy.random.Generator) -> Ints:
    """One of three that are near to the customer."""
    near = customer * town.terminals // town.customers + rng.integers(0, 3, len(customer)) * 7
    return numpy.asarray(near % town.terminals)


def _skimmed(town: Town, honest: _Columns, rng: numpy.random.Generator) -> _Columns:
    """Honest payments turned into frauds, where a terminal skims."""
    episodes = max(1, town.terminals * town.days // 1_200)
    terminals = rng.choice(town.terminals, size=min(episodes, town.terminals), replace=False)
    begins, ends = numpy.full(town.terminals + town.customers, -1), numpy.full(town.terminals + town.customers, -1)
    begins[terminals] = rng.integers(0, town.days, len(terminals))
    ends[terminals] = begins[terminals] + rng.integers(14, 36, len(terminals))
    day, terminal = honest["sec"] // SECONDS_PER_DAY, honest["terminal"]
    bitten = (day >= begins[terminal]) & (day < ends[terminal]) & (rng.random(len(day)) < 0.95)
    return {**honest, "scenario": numpy.where(bitten, 2, honest["scenario"])}


def _taken_over(town: Town, people: _People, rng: numpy.random.Generator) -> _Columns:
    episodes = max(1, town.customers * town.days // 2_500)
    many = 1 + rng.poisson(7.0, episodes)
    victim = numpy.repeat(rng.integers(0, town.customers, episodes), many)
    begins = numpy.repeat(rng.integers(0, town.days, episodes), many)
    lasts = numpy.repeat(rng.integers(2, 15, episodes), many)
    day = numpy.minimum(begins + (rng.random(len(victim)) * lasts).astype(numpy.int64), town.days - 1)
    cents = people.usual_cents[victim] * numpy.exp(rng.normal(numpy.log(4.5), 0.45, len(victim)))
    second = day * SECONDS_PER_DAY + rng.integers(0, SECONDS_PER_DAY, len(victim))
    return _columns(second, victim, rng.integers(0, town.terminals, len(victim)), cents, 1)


def _tried_out(town: Town, rng: numpy.random.Generator) -> _Columns:
    """By a fresh account each, from a fresh device."""
    episodes = max(1, town.customers * town.days // 30_000)
    many = rng.integers(15, 45, episodes)
    episode = numpy.repeat(numpy.arange(episodes), many)
    begins = rng.integers(0, town.days * SECONDS_PER_DAY - 6 * _HOUR, episodes)[episode]
    nth = numpy.arange(len(episode)) - numpy.repeat(numpy.cumsum(many) - many, many)
    is_last = nth >= (many - 4)[episode]
    cents = numpy.where(is_last, rng.uniform(20_000, 90_000, len(episode)), rng.uniform(50, 200, len(episode)))
    second = begins + (nth * rng.uniform(0.3, 1.0, len(episode)) * 6 * _HOUR / 45).astype(numpy.int64)
    fresh = town.customers + town.terminals + episode
    return _columns(second, fresh, fresh, cents, 3)


def _far_beyond(town: Town, people: _People, rng: numpy.random.Generator) -> _Columns:
    size = max(1, town.customers * town.days // 4_000)
    victim = rng.integers(0, town.customers, size)
    cents = people.usual_cents[victim] * rng.uniform(15.0, 60.0, size)
    second = rng.integers(0, town.days * SECONDS_PER_DAY, size)
    return _columns(second, victim, rng.integers(0, town.terminals, size), cents, 4)


def _time_of_day(rng: numpy.random.Generator, size: int) -> Ints:
    """Around two in the afternoon."""
    return numpy.asarray((rng.normal(14.0, 4.5, size) * _HOUR).astype(numpy.int64) % SECONDS_PER_DAY)


def _columns(second: Ints, customer: Ints, terminal: Ints, cents: NDArray[numpy.float64], scenario: int) -> _Columns:
    return {
        "sec": second,
        "customer": customer,
        "terminal": terminal,
        "cents": numpy.maximum(cents, 1).astype(numpy.int64),
        "scenario": numpy.full(len(second), scenario, numpy.int64),
    }
