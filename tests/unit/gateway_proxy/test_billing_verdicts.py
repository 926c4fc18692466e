"""What billing's verdicts become for the caller and in the log."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from services.gateway.use_cases.paid_call.desk import Desk, authorise
from shared.errors import DomainError


def _desk(verdict: str) -> Desk:
    async def post(_item: Any) -> dict[str, Any]:
        return {"verdict": verdict, "charged": 0, "held": 0, "available": 0, "balance": 0}

    return cast(Desk, SimpleNamespace(ledger=SimpleNamespace(post=post)))


@pytest.mark.parametrize(("verdict", "said"), [("busy", []), ("id_conflict", ["posting_refused"])])
async def test_only_a_verdict_that_is_a_mistake_of_ours_is_an_error(verdict: str, said: list[str]) -> None:
    with capture_logs() as lines, pytest.raises(DomainError) as refusal:
        await authorise(_desk(verdict), cast(Any, {}), cast(Any, {}), required=1_000)
    assert refusal.value.code == "billing_unavailable"
    assert refusal.value.headers == {"Retry-After": "1"}
    assert [line["event"] for line in lines] == said
