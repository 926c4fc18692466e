"""The history that a model is trained on: each judged payment with its outcome, its last word and when it was known."""

from datetime import timedelta

import pytest

from services.fraud.domain.label import Label
from services.fraud.store import labels, outcomes
from services.fraud.use_cases import training_history
from services.fraud.use_cases.training_history import past_payments
from shared.ids import new_id
from tests.integration.fraud.conftest import NOW, Desk


async def test_history_has_every_judged_payment_with_its_last_word(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_history, "PAGE", 2)
    payments = []
    for device in ("dev_1", None, "dev_1"):
        desk.clock.advance(timedelta(days=1))
        payments.append(new_id("pay", at=desk.clock.at))
        answer = await desk.assess(
            payment_id=payments[-1], device_id=device, amount_usd_minor=700, occurred_at=desk.clock.at.isoformat()
        )
        assert answer.status_code == 200, answer.text
    cleared, fraud, _silent = payments
    async with desk.fraud.database.transaction() as connection:
        await outcomes.note(connection, cleared, account_id="acct_1", status="succeeded", at=NOW)
        for days, payment, is_fraud, source in (
            (5, cleared, True, "dispute"),
            (6, cleared, False, "operator"),
            (7, cleared, True, "review"),
            (8, fraud, True, "review"),
            (9, fraud, True, "dispute"),
        ):
            known_at = NOW + timedelta(days=days)
            await labels.learn(connection, Label(payment, is_fraud, source, f"{payment}:{days}", known_at))
    counts: list[int] = []
    found = await past_payments(desk.fraud.database, counts.append)
    assert counts == [2, 3]
    assert [payment.at for payment in found] == [NOW + timedelta(days=day) for day in (1, 2, 3)]
    assert [(payment.status, payment.is_fraud) for payment in found] == [
        ("succeeded", False),
        (None, True),
        (None, None),
    ]
    assert found[1].known_at == NOW + timedelta(days=8)
    assert found[2].known_at is None
    assert {payment.cents for payment in found} == {700}
    assert found[0].terminal == found[2].terminal == "device:dev_1"
    assert found[1].terminal.startswith("ip:")
