"""The whole stack, started once for all tests of this folder as `make run` starts it, and well before each of them."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import running as runners
from tests.e2e.callers import Customer, Operator, register, sign_in_operator
from tests.e2e.running import Running
from tests.e2e.stripe_side import StripeSide


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is measured of an idle stack is measured first, before the other tests have made it work; who moves its
    clock comes last."""
    items.sort(key=lambda item: ("e2e/test_clock" in item.nodeid, "idle" not in item.name))


@pytest.fixture(scope="session")
def running_stack() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="tollgate-e2e-") as folder:
        started = runners.start(Path(folder))
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture(scope="session")
def stack(running_stack: Running) -> dict[str, Any]:
    """`stack.json`, parsed, as it was at first."""
    return running_stack.stack()


@pytest.fixture
def running(running_stack: Running) -> Running:
    """The stack, well: what an earlier test broke has healed."""
    running_stack.wait_until_well(seconds=20)
    return running_stack


@pytest.fixture(scope="session")
def operator(running_stack: Running) -> Operator:
    return sign_in_operator(running_stack.stack())


@pytest.fixture
def new_customer(running: Running) -> Callable[[], Customer]:
    """`new_customer()`: a customer of this test, with nothing."""
    return lambda: register(running.gateway)


@pytest.fixture
def customer(new_customer: Callable[[], Customer]) -> Customer:
    return new_customer()


@pytest.fixture
def stripe_side(running: Running) -> Iterator[StripeSide]:
    stack = running.stack()
    side = StripeSide(running.url("stripe_sandbox"), stack["stripe_webhook_secret"], stack["gateway"])
    yield side
    side.deliver("normal")
