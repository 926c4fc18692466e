"""A written-off debt is taken back as it is paid, once."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.debts import Debt, recovery_due

AMOUNTS = st.integers(0, 10**12)


@given(AMOUNTS, AMOUNTS, st.integers(-(10**12), 10**12))
def test_recovery_is_due_once(written_off: int, recovered: int, balance: int) -> None:
    debt = Debt("acct_1", written_off, recovered, balance)
    after = replace(debt, recovered=recovered + recovery_due(debt))
    assert recovery_due(after) == 0
    assert 0 <= after.recovered <= written_off


@given(AMOUNTS, st.lists(st.integers(-(10**12), 10**12)))
def test_what_was_paid_stays_paid_and_what_is_owed_stays_written_off(written_off: int, balances: list[int]) -> None:
    debt = Debt("acct_1", written_off, 0, -written_off)
    for balance in balances:
        debt = replace(debt, balance=balance)
        due = recovery_due(debt)
        assert due >= 0
        debt = replace(debt, recovered=debt.recovered + due)
        assert written_off - debt.recovered <= max(0, -balance)
    assert debt.recovered == max([0, *(written_off - max(0, -balance) for balance in balances)])
