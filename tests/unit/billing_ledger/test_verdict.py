"""What `ledger verify` says."""

import pytest

from services.billing.commands.verify import Teller
from services.billing.domain.books.audit import MoneyProof, PostingSum
from services.billing.domain.books.posting import MoneyKind
from services.billing.domain.books.reports import AccountBalance
from services.billing.domain.ledger.audit import Difference, Proof
from services.billing.domain.seal.audit import SealDifference, SealProof
from services.billing.use_cases.verify import Verdict


def test_a_ledger_that_holds_is_told_in_three_lines() -> None:
    verdict = Verdict(Proof((), 0, 3, 1_200), SealProof((), 7, 1, 1_200), MoneyProof(checked=4))
    assert verdict.holds
    assert list(verdict.lines()) == [
        "The book holds: 1,200 transfers of 3 wallets recomputed, trial balance 0.",
        "The money book holds: 4 sums of postings recomputed.",
        "The seal holds: 1,200 transfers under 7 seals and 1 signed checkpoints.",
    ]


def test_every_difference_has_a_line() -> None:
    seal = SealProof((SealDifference("seal_root", 4, "aa", "bb"),), 7, 1, 1_200)
    verdict = Verdict(Proof((Difference("acct_1", "balance", 5, 7),), -2, 3, 1_200), seal, MoneyProof())
    assert not verdict.holds
    lines = list(verdict.lines())
    assert "DOES NOT HOLD" in lines[0] and "DOES NOT HOLD" in lines[2]
    assert lines[3:] == [
        "  account_id acct_1, what balance, recorded 5, recomputed 7",
        "  what seal_root, number 4, recorded aa, recomputed bb",
    ]


def test_a_money_posting_that_does_not_sum_to_zero_breaks_the_balance() -> None:
    wrong = PostingSum(MoneyKind.STRIPE, "txn_1", "usd", 7)
    verdict = Verdict(Proof((), 0, 0, 0), SealProof((), 0, 0, 0), MoneyProof((wrong,), (("usd", 7),), checked=1))
    view = verdict.as_view()
    assert not verdict.holds and not view["balanced"] and str(view["trial_balance"]) == "0.007"
    assert (
        "  what money_posting, recorded 7, recomputed 0, kind stripe, reference txn_1, currency usd" in verdict.lines()
    )


def test_what_waits_for_its_other_side_is_listed_and_breaks_nothing() -> None:
    owed = AccountBalance("receivables", "jpy", 3_000_000, 1_000_000)
    verdict = Verdict(Proof((), 0, 0, 0), SealProof((), 0, 0, 0), MoneyProof(waiting=(owed,)))
    assert verdict.holds and verdict.as_view()["money"] == {
        "checked": 0,
        "waiting": [{"ledger_account": "receivables", "micros": 2_000_000, "decimal": "2.000000", "currency": "jpy"}],
    }
    assert "  waiting for its other side: receivables 2.000000 jpy" in list(verdict.lines())


def test_a_long_pass_says_about_once_a_second_how_far_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    times = iter([0.0, 0.4, 1.1, 1.1, 1.5, 3.0, 3.0])
    tell = Teller("book", now=lambda: next(times))
    for transfers in (2_000, 4_000, 6_000, 8_000):
        tell(transfers)
    assert capsys.readouterr().err == "book: 4,000 transfers checked\nbook: 8,000 transfers checked\n"
