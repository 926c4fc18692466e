"""How a call ended is told of it only once that is durable: who dies in between must not have said it."""

from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

from services.gateway.use_cases.paid_call.desk import Call, Desk
from services.gateway.use_cases.paid_call.known_price import _Receipt
from services.gateway.use_cases.paid_call.tab import Tab

CALL = cast(Call, SimpleNamespace(id=str(uuid4()), record=SimpleNamespace(account_id="acct_1"), began_ns=0))


class _Spy:
    """A desk whose ledger takes note of what was told by the time that it is asked."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.told_before: list[Any] = []
        self.left: list[Any] = []
        self.ledger = self
        self.outcomes = SimpleNamespace(tell=self.told.append)
        self.undo = SimpleNamespace(later=self.left.append)
        self.progress = SimpleNamespace(forget=lambda _: None)

    def new_uuid(self) -> object:
        return uuid4()

    async def post(self, item: Any) -> Any:
        self.told_before = list(self.told)
        assert item["outcome"] == "upstream_failed"
        return {"verdict": "posted"}


async def test_failure_is_told_after_its_reversal() -> None:
    spy = _Spy()
    await _Receipt(cast(Desk, spy), CALL).take_back()
    assert spy.told_before == []
    assert [each["outcome"] for each in spy.told] == ["upstream_failed"]


async def test_failure_is_told_after_its_release() -> None:
    spy = _Spy()
    await Tab(cast(Desk, spy), CALL, estimated_input=0).release()
    assert spy.told_before == []
    assert [each["outcome"] for each in spy.told] == ["upstream_failed"]


async def test_what_is_undone_later_tells_its_outcome_itself() -> None:
    spy = _Spy()
    _Receipt(cast(Desk, spy), CALL).abandon()
    Tab(cast(Desk, spy), CALL, estimated_input=0).abandon()
    assert spy.told == []
    assert [item["outcome"] for item in spy.left] == ["upstream_failed"] * 2
