"""What a change costs: to the second, never more than a whole period, and nothing where nothing changes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from deploy.stripe_sandbox.domain.proration import of_change, remaining, share_minor, unused

AMOUNTS = st.integers(0, 99_999_999)
SPANS = st.tuples(st.integers(0, 10**9), st.integers(1, 366 * 86_400), st.floats(-0.2, 1.2)).map(
    lambda drawn: (drawn[0], drawn[0] + drawn[1], int(drawn[0] + drawn[1] * drawn[2]))
)


def item(item_id: str, price: str, amount: int, quantity: int, span: tuple[int, int, int]) -> dict[str, Any]:
    return {
        "id": item_id,
        "price": {"id": price, "unit_amount": amount},
        "quantity": quantity,
        "current_period_start": span[0],
        "current_period_end": span[1],
    }


def test_half_of_a_period_costs_half() -> None:
    assert share_minor(2500, start=0, end=100, at=50) == 1250
    assert share_minor(2501, start=0, end=100, at=50) == 1251
    assert share_minor(2500, start=0, end=100, at=100) == 0


@given(amount=AMOUNTS, span=SPANS)
def test_share_is_between_nothing_and_all(amount: int, span: tuple[int, int, int]) -> None:
    start, end, at = span
    assert 0 <= share_minor(amount, start=start, end=end, at=at) <= amount
    assert share_minor(amount, start=start, end=end, at=start) == amount


@given(first=AMOUNTS, second=AMOUNTS, quantities=st.tuples(st.integers(1, 99), st.integers(1, 99)), span=SPANS)
def test_change_costs_at_most_the_new_period_and_gives_back_at_most_the_old(
    first: int, second: int, quantities: tuple[int, int], span: tuple[int, int, int]
) -> None:
    before = item("si_1", "old", first, quantities[0], span)
    after = item("si_1", "new", second, quantities[1], span)
    total = sum(line.amount_minor for line in of_change([before], [after], at=span[2]))
    assert -first * quantities[0] <= total <= second * quantities[1]


@given(amount=AMOUNTS, quantity=st.integers(1, 99), span=SPANS)
def test_what_is_changed_and_changed_back_at_once_costs_nothing(
    amount: int, quantity: int, span: tuple[int, int, int]
) -> None:
    before, after = item("si_1", "old", amount, quantity, span), item("si_1", "new", 777, 2, span)
    there, back = of_change([before], [after], at=span[2]), of_change([after], [before], at=span[2])
    assert sum(line.amount_minor for line in (*there, *back)) == 0
    assert unused(before, at=span[2]).amount_minor == -remaining(before, at=span[2]).amount_minor


@given(span=SPANS)
def test_item_that_stays_has_no_line(span: tuple[int, int, int]) -> None:
    kept, gone, new = (item(name, name, 1000, 1, span) for name in ("si_1", "si_2", "si_3"))
    lines = of_change([kept, gone], [kept, new], at=span[2])
    assert {line.item_id for line in lines} <= {"si_2", "si_3"}
    assert [line.is_credit for line in lines] in ([], [True, False])
