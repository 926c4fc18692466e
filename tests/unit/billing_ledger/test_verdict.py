"""What `ledger verify` says."""

import pytest

from services.billing.__main__ import _Teller
from services.billing.domain.ledger.audit import Difference, Proof
from services.billing.domain.seal.audit import SealDifference, SealProof
from services.billing.use_cases.verify import Verdict


def test_a_ledger_that_holds_is_told_in_two_lines() -> None:
    verdict = Verdict(Proof((), 0, 3, 1_200), SealProof((), 7, 1, 1_200))
    assert verdict.holds
    assert list(verdict.lines()) == [
        "The book holds: 1,200 transfers of 3 wallets recomputed, trial balance 0.",
        "The seal holds: 1,200 transfers under 7 seals and 1 signed checkpoints.",
    ]


def test_every_difference_has_a_line() -> None:
    seal = SealProof((SealDifference("seal_root", 4, "aa", "bb"),), 7, 1, 1_200)
    verdict = Verdict(Proof((Difference("acct_1", "balance", 5, 7),), -2, 3, 1_200), seal)
    assert not verdict.holds
    lines = list(verdict.lines())
    assert "DOES NOT HOLD" in lines[0] and "DOES NOT HOLD" in lines[1]
    assert lines[2:] == [
        "  account_id acct_1, what balance, recorded 5, recomputed 7",
        "  what seal_root, number 4, recorded aa, recomputed bb",
    ]


def test_a_long_pass_says_about_once_a_second_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 0.4, 1.1, 1.1, 1.5, 3.0, 3.0])
    tell = _Teller("book", now=lambda: next(times))
    for transfers in (2_000, 4_000, 6_000, 8_000):
        tell(transfers)
    assert capsys.readouterr().err == "book: 4,000 transfers checked\nbook: 8,000 transfers checked\n"
