"""Crowds on accounts that run dry, in peace and under `kill -9`: nothing is charged but what was told.

The rules are docs/adr/0013's; `crowd_books` holds the ledger to them.
"""

import random
import time

import pytest

from tests.e2e import books
from tests.e2e.callers import Operator
from tests.e2e.crowd import Crowd, anybody, metered_route, purses
from tests.e2e.crowd_books import Found, assert_charged_as_told, settle_keys
from tests.e2e.running import Running
from tests.e2e.waiting import eventually

HOLDS_END_WITHIN = 20.0
MANY = 10
PEACE = {200, 402, 404, 409, 500, 503}
WAR = PEACE | {502, 504}


@pytest.mark.parametrize(
    ("accounts", "callers", "seconds"),
    [
        (12, 60, 6),
        pytest.param(50, 200, 60, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_crowd_on_accounts_that_run_dry_pays_what_it_was_told(
    running: Running, operator: Operator, accounts: int, callers: int, seconds: int
) -> None:
    crowd = gather(running, operator, accounts=accounts, callers=callers)
    with crowd:
        crowd.run_for(seconds)
    found = settled(crowd, running, operator, unanswered={"disconnected"})
    assert {status for status, _ in crowd.statuses} <= PEACE, crowd.statuses
    assert found.lost == 0, "no connection breaks in peace"
    assert crowd.statuses[402, "insufficient_credits"], "accounts ran dry"
    assert crowd.statuses[409, "already_charged"] and found.outcomes["disconnected"], (crowd.statuses, found)


@pytest.mark.parametrize("victim", ["billing", "gateway"])
@pytest.mark.parametrize(
    ("kills", "accounts", "callers"),
    [
        (2, 8, 30),
        pytest.param(20, 50, 200, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_crowd_whose_service_is_killed_pays_for_each_answer_once(
    running: Running, operator: Operator, *, victim: str, kills: int, accounts: int, callers: int
) -> None:
    crowd, dice = gather(running, operator, accounts=accounts, callers=callers), random.Random()
    with crowd:
        for _ in range(kills):
            crowd.wait_for_more_paid(callers, seconds=60)
            crowd.run_for(dice.uniform(0, 0.3))
            gone = running.pids(victim)
            running.kill(victim)
            running.wait_until_replaced(victim, gone, seconds=30)
        crowd.wait_for_more_paid(callers, seconds=60)
    running.wait_until_well(seconds=30)
    found = settled(crowd, running, operator, unanswered={"disconnected", "unknown"})
    assert {status for status, _ in crowd.statuses} <= WAR, crowd.statuses
    if victim == "gateway":
        assert found.lost > 0, "calls were under way when it was killed"
    if victim == "gateway" and kills > MANY:
        assert found.forwarded_again > 0, "calls whose answer was lost were sent again with their key"


def gather(running: Running, operator: Operator, *, accounts: int, callers: int) -> Crowd:
    who = purses(operator, running.gateway, accounts)
    seed = time.time_ns() % 10**9
    print(f"the crowd's seed is {seed}")
    return Crowd(operator, running.gateway, who, metered_route(operator), callers=callers, seed=seed)


def settled(crowd: Crowd, running: Running, operator: Operator, *, unanswered: set[str]) -> Found:
    """All of it holds: call by call, step by step, sealed; nothing stays held."""
    settle_keys(crowd, operator, running.gateway)
    found = assert_charged_as_told(crowd, running.gateway, unanswered=unanswered, settles_within=HOLDS_END_WITHIN)
    print(dict(crowd.statuses), found)
    books.assert_whole(operator, *anybody(crowd.purses), holds_end_within=HOLDS_END_WITHIN)
    eventually(lambda: operator.verify()["sealed"] is True, seconds=5, what="every posting is sealed")
    return found
