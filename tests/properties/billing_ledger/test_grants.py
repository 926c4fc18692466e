"""What is left of lots, whatever happens to an account that keeps the book's rules."""

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.ledger.grants import PLAIN, State, burn, due_for_expiry, named_lots
from tests.properties.billing_ledger.lots_model import Account, Step, steps, steps_with_refunds


@given(script=st.one_of(steps, steps_with_refunds))
def test_what_is_left_of_the_lots_is_the_balance_and_none_has_less_than_nothing(script: list[Step]) -> None:
    account = Account()
    for step in script:
        account.run([step])
        state = account.state
        assert sum(state.left.values()) - state.debt == account.balance
        assert not (state.left and state.debt)
        assert all(left > 0 for left in state.left.values())
        assert all(left <= account.lots[lot].amount for lot, left in state.left.items() if lot != PLAIN.id)


@given(script=st.one_of(steps, steps_with_refunds), cuts=st.lists(st.integers(0, 80), max_size=4))
def test_going_on_from_a_stored_state_gives_the_same_as_beginning_anew(script: list[Step], cuts: list[int]) -> None:
    account = Account().run(script)
    lots = account.lots
    whole = burn(State(), lots.values(), account.entries)
    state, done = State(), 0
    for cut in [*sorted(cuts), len(account.entries)]:
        page = account.entries[done : max(done, cut)]
        state = burn(state, [lots[lot_id] for lot_id in named_lots(state, page)], page)
        done = max(done, min(cut, len(account.entries)))
    assert state == whole == account.state


@given(script=steps)
def test_what_began_after_a_lots_end_never_burns_it(script: list[Step]) -> None:
    assert not Account().run(script).late_spends


@given(script=steps)
def test_nothing_of_an_expired_lot_is_left_once_nothing_holds_it(script: list[Step]) -> None:
    account = Account().run(script)
    account.holds.clear()
    account.expire()
    assert account.expired_left(account.state, account.at) == 0
    assert not due_for_expiry(account.state, account.lots.values(), [], at=account.at), "it expires once"


@given(script=steps)
def test_expiry_takes_nothing_that_running_calls_hold(script: list[Step]) -> None:
    account = Account().run(script)
    account.expire()
    assert account.available >= 0


@given(script=steps, amount=st.integers(1, 30))
def test_a_charge_given_back_before_anything_expired_leaves_the_lots_as_they_were(
    script: list[Step], amount: int
) -> None:
    account = Account().run(script)
    account.expire()
    before = account.state
    if amount <= account.available:
        account.charge(amount, 0)
        account.reverse(0, 0)
        assert account.state.left == before.left


@given(script=steps, amount=st.integers(1, 60))
def test_a_charge_burns_what_comes_first_in_the_order(script: list[Step], amount: int) -> None:
    account = Account().run(script)
    account.expire()
    before = account.state.left
    if amount > account.available:
        return
    account.charge(amount, 0)
    after = account.state.left
    alive = sorted((account.lots.get(lot_id, PLAIN) for lot_id in before), key=lambda lot: lot.order)
    burnt = [lot for lot in alive if after.get(lot.id, 0) < before[lot.id] and not lot.has_expired(account.at)]
    for lot in alive[: alive.index(burnt[-1])] if burnt else []:
        assert lot.has_expired(account.at) or lot.id not in after, "an earlier lot has something left"
