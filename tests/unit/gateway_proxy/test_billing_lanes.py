"""Accounts whose last item was refused are asked about apart, until one is posted again."""

from typing import Any, cast

import pytest

from services.gateway.clients import billing_lanes
from services.gateway.clients.billing_lanes import BillingLanes
from services.gateway.clients.billing_ledger import BillingLedger
from shared.contracts.ledger import Charge


class Queue:
    """Gives `verdict` to all, and remembers whom it was asked about."""

    def __init__(self, verdict: str) -> None:
        self.verdict = verdict
        self.asked: list[str] = []

    async def post(self, item: Charge) -> Any:
        self.asked.append(item["account_id"])
        return {"verdict": self.verdict, "charged": 0, "held": 0, "available": 0, "balance": 0}


def lanes(swift: Queue, apart: Queue) -> BillingLanes:
    return BillingLanes(cast(BillingLedger, swift), cast(BillingLedger, apart))


def charge(account_id: str) -> Charge:
    return cast(Charge, {"op": "charge", "account_id": account_id})


@pytest.mark.parametrize("verdict", ["insufficient_credits", "account_frozen"])
async def test_a_refused_account_goes_apart_and_comes_back_when_it_has_paid(verdict: str) -> None:
    swift, apart = Queue(verdict), Queue(verdict)
    posts = lanes(swift, apart)
    for _ in range(3):
        await posts.post(charge("dry"))
    assert (swift.asked, apart.asked) == (["dry"], ["dry", "dry"])
    apart.verdict = "posted"
    await posts.post(charge("dry"))
    await posts.post(charge("dry"))
    assert (swift.asked, apart.asked) == (["dry", "dry"], ["dry", "dry", "dry"])


async def test_who_pays_is_never_asked_about_apart() -> None:
    swift, apart = Queue("insufficient_credits"), Queue("insufficient_credits")
    posts = lanes(swift, apart)
    await posts.post(charge("dry"))
    swift.verdict = "posted"
    for _ in range(3):
        await posts.post(charge("rich"))
    assert (swift.asked, apart.asked) == (["dry", "rich", "rich", "rich"], [])


async def test_only_so_many_refused_accounts_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing_lanes, "MOST_REMEMBERED", 2)
    swift, apart = Queue("insufficient_credits"), Queue("insufficient_credits")
    posts = lanes(swift, apart)
    for account_id in ("a", "b", "c", "a", "c"):
        await posts.post(charge(account_id))
    assert (swift.asked, apart.asked) == (["a", "b", "c", "a"], ["c"])
