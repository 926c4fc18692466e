"""`tollgate explain payment`: what it takes, says and ends with."""

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from services.billing.commands import explain
from services.billing.commands.explain import EXPLAIN
from services.billing.commands.saying import EXIT_BROKEN
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.payment_story import Facts, story_of
from services.billing.settings import Settings
from services.billing.use_cases.explain import Explained
from shared.errors import NotFound
from shared.money import Money

NOON = datetime(2027, 1, 31, 12, tzinfo=UTC)
PAYMENT = Payment(
    id=PaymentId("pay_1"),
    account_id="acct_1",
    type="credits",
    status=Status.PENDING,
    amount=Money(500, "usd"),
    usd_minor=500,
    millicredits=5_000_000,
    success_url="https://shop.example/paid",
    cancel_url="https://shop.example/left",
    created_at=NOON,
    expires_at=NOON,
)
NO_SETTINGS = cast(Settings, None)


@pytest.fixture(autouse=True)
def _one_payment(monkeypatch: pytest.MonkeyPatch) -> None:
    async def explained(_settings: Settings, payment_id: str) -> Explained:
        if payment_id != PAYMENT.id:
            raise NotFound("payment")
        return Explained(PAYMENT, story_of(Facts(PAYMENT)))

    monkeypatch.setattr(explain, "_explained", explained)


def _run(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    EXPLAIN.add_arguments(parser)
    EXPLAIN.run(NO_SETTINGS, parser.parse_args(arguments))


def test_story_is_printed_below_what_the_payment_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    _run(["payment", "pay_1"])
    assert capsys.readouterr().out == (
        "pay_1 of acct_1 is pending: 5000 credits for 5.00 USD.\n"
        "2027-01-31 12:00:00  checkout        The customer asked for 5000 credits for 5.00 USD.  [acct_1]\n"
    )


def test_json_is_what_the_api_answers(capsys: pytest.CaptureFixture[str]) -> None:
    _run(["payment", "pay_1", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["payment"]["id"], said["payment"]["credits"]) == ("pay_1", 5000)
    assert said["story"] == [
        {
            "at": "2027-01-31T12:00:00Z",
            "kind": "checkout",
            "text": "The customer asked for 5000 credits for 5.00 USD.",
            "account_id": "acct_1",
        }
    ]
    assert "shop.example" not in json.dumps(said)


def test_payment_that_there_is_not_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _run(["payment", "pay_2"])
    assert ended.value.code == EXIT_BROKEN
    assert capsys.readouterr().err == "There is no payment pay_2 here.\n"


def test_only_payments_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _run(["call", "call_1"])
    assert "payment" in capsys.readouterr().err


def test_folder_without_a_stack_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.cli", "explain", "payment", "pay_1", "--data-dir", str(tmp_path)]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 69
    assert refused.stderr.startswith("No stack is running in ")
