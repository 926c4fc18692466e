"""The decider: whatever comes in whatever order, however it is cut into batches."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.decide import decide
from services.billing.domain.ledger.items import Capture, Hold, Item, Result, Verdict
from services.billing.domain.ledger.posting import Order
from tests.properties.billing_ledger.model import ACCOUNTS, NOW, Model, a_call, funded, funds, items, uuid_of


def post_all(model: Model, batch: list[Item]) -> list[Result]:
    decision = decide(model.book(), batch, now=NOW)
    model.take(decision)
    return list(decision.results)


def post_split(model: Model, batch: list[Item], cuts: list[int]) -> list[Result]:
    edges = [0, *sorted(min(cut, len(batch)) for cut in cuts), len(batch)]
    results = []
    for start, end in itertools.pairwise(edges):
        results += post_all(model, batch[start:end])
    return results


def check_book(model: Model) -> None:
    """What must hold of the book at every moment."""
    for account_id, wallet in model.wallets.items():
        transfers = sorted(
            (t for (owner, _), t in model.transfers.items() if owner == account_id and t.kind is not Kind.VOID),
            key=lambda transfer: transfer.position,
        )
        assert [transfer.position for transfer in transfers] == list(range(1, wallet.last_position + 1))
        running = 0
        for transfer in transfers:
            running += transfer.signed
            assert transfer.balance_after == running
            if transfer.kind is Kind.CHARGE:
                assert running >= 0, "spending took a wallet under zero"
        assert wallet.balance == running
        open_holds = [h.amount for (owner, _), h in model.holds.items() if owner == account_id and h.state == "open"]
        assert wallet.held == sum(open_holds)
        assert wallet.held <= wallet.balance or wallet.overdrawn
        assert all(hold.captured <= hold.amount for hold in model.holds.values()), "more than was held"
        spent = -sum(t.signed for t in transfers if t.kind in (Kind.CHARGE, Kind.REVERSAL))
        assert spent == sum(use.credits for (owner, _), use in model.usage.items() if owner == account_id)


@given(funds, items, st.lists(st.integers(0, 40), max_size=6))
@settings(max_examples=400, deadline=None)
def test_a_batch_cut_anywhere_gives_what_one_by_one_gives(amounts, batch, cuts):
    whole, cut, single = funded(amounts), funded(amounts), funded(amounts)
    verdicts = post_all(whole, batch)
    assert post_split(cut, batch, cuts) == verdicts
    assert [result for item in batch for result in post_all(single, [item])] == verdicts
    assert whole == cut == single


@given(funds, items)
@settings(max_examples=400, deadline=None)
def test_the_book_holds_after_every_item(amounts, batch):
    model = funded(amounts)
    for item in batch:
        result = post_all(model, [item])[0]
        wallet = model.wallets[item.account_id]
        assert (result.balance, result.available) == (wallet.balance, wallet.available)
        assert wallet.available >= 0
        check_book(model)


@given(funds, items, st.integers(0, 40), st.integers(1, 200))
@settings(max_examples=400, deadline=None)
def test_a_refund_amid_calls_may_overdraw_and_no_call_takes_more(amounts, batch, place, refund):
    model = funded(amounts)
    post_all(model, batch[:place])
    model.move(Order("acct_a", uuid_of(9_999), Kind.REFUND, refund, "Refund"))
    for item in batch[place:]:
        before = model.wallets[item.account_id]
        post_all(model, [item])
        assert model.wallets[item.account_id].balance >= min(before.balance, 0)
        check_book(model)


@given(funds, items)
@settings(max_examples=300, deadline=None)
def test_everything_sent_twice_moves_once(amounts, batch):
    once, twice = funded(amounts), funded(amounts)
    first = post_all(once, batch)
    assert post_all(twice, batch) == first
    money = {account: (twice.wallets[account].balance, len(twice.transfers)) for account in ACCOUNTS}
    again = post_all(
        twice, [item for item, result in zip(batch, first, strict=True) if result.verdict is Verdict.POSTED]
    )
    assert {account: (twice.wallets[account].balance, len(twice.transfers)) for account in ACCOUNTS} == money
    assert all(result.verdict in (Verdict.POSTED, Verdict.REVERSED, Verdict.HOLD_LAPSED) for result in again)


@given(
    st.integers(0, 300),
    st.lists(st.tuples(st.integers(0, 120), st.integers(0, 200)), min_size=1, max_size=6),
    st.integers(1, 300),
)
@settings(max_examples=300, deadline=None)
def test_captures_after_a_refund_take_what_is_there_and_write_off_the_rest(fund, calls, refund):
    model = funded({"acct_a": fund})
    asked = [Hold(uuid_of(n), "acct_a", held, 0, 1_000, a_call(n)) for n, (held, _) in enumerate(calls)]
    held = [result.held for result in post_all(model, asked)]
    model.move(Order("acct_a", uuid_of(9_999), Kind.REFUND, refund, "Refund"))
    left = model.wallets["acct_a"].balance
    for n, (_, amount) in enumerate(calls):
        [result] = post_all(model, [Capture(uuid_of(200 + n), uuid_of(n), "acct_a", amount, a_call(n))])
        assert result.charged == min(amount, held[n], max(left, 0))
        left -= result.charged
        check_book(model)
    assert (model.wallets["acct_a"].balance, model.wallets["acct_a"].held) == (left, 0)
