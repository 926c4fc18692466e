"""Whatever order a dispute's states come in, doubled or left out, what holds in the end is what the last one means."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.books.of_dispute import postings_of
from services.billing.domain.books.posting import MoneyPosting
from services.billing.domain.dispute import Dispute, DisputeId, DisputeState
from services.billing.domain.disputing import (
    Step,
    credits_covered,
    disputed_minor,
    heard,
    lost,
    not_covered,
    opened,
    recorded,
    steps_left,
    won,
)
from services.billing.domain.ledger.wallet import Wallet, overdrawn_by, settled
from services.billing.domain.payment import Payment, PaymentId, Status
from services.billing.domain.stripe_balance import BalanceTransaction
from shared.money import Money

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def a_payment(*, paid: int, millicredits: int, refunded: int = 0) -> Payment:
    return Payment(
        id=PaymentId("pay_1"),
        account_id="acct_1",
        type="credits",
        status=Status.SUCCEEDED,
        amount=Money(paid, "usd"),
        usd_minor=paid,
        millicredits=millicredits,
        refunded_minor=refunded,
        success_url="",
        cancel_url="",
        created_at=NOW,
        expires_at=NOW,
        transfer_id=uuid4(),
    )


def moved(dispute_id: str, amount_minor: int) -> BalanceTransaction:
    fee = 1500 if amount_minor < 0 else 0
    name = "out" if amount_minor < 0 else "in"
    return BalanceTransaction(
        f"txn_{dispute_id}_{name}",
        "adjustment",
        "dispute",
        amount_minor,
        fee,
        amount_minor - fee,
        "usd",
        dispute_id,
        NOW,
    )


def a_state(status: str, movements: int, *, amount: int, dispute_id: str = "du_1") -> DisputeState:
    """`movements`: 0 nothing yet, 1 withdrawn, 2 come back."""
    transactions = (moved(dispute_id, -amount), moved(dispute_id, amount))[:movements]
    return DisputeState(
        dispute_id, "ch_1", "pi_1", Money(amount, "usd"), status, "fraudulent", NOW, transactions, "pay_1", None
    )


LIVES = [
    [("needs_response", 0), ("needs_response", 1), ("under_review", 1), ("won", 1), ("won", 2)],
    [("needs_response", 0), ("needs_response", 1), ("under_review", 1), ("lost", 1)],
    [("needs_response", 1), ("lost", 1), ("appeal_needs_response", 1), ("appeal_under_review", 1), ("lost", 1)],
    [("needs_response", 1), ("lost", 1), ("appeal_under_review", 1), ("won", 1), ("won", 2)],
    [("warning_needs_response", 0), ("warning_under_review", 0), ("warning_closed", 0)],
    [("warning_needs_response", 0), ("needs_response", 1), ("under_review", 1)],
    [("warning_needs_response", 0), ("warning_under_review", 0), ("needs_response", 0), ("lost", 1)],
    [("prevented", 0)],
]


@dataclass
class Books:
    """One payment, its account's wallet and disputes, and the money book, kept by the rules alone."""

    payment: Payment
    wallet: Wallet
    disputes: dict[str, Dispute] = field(default_factory=dict)
    money: dict[tuple[str, str], MoneyPosting] = field(default_factory=dict)
    told: Counter[tuple[str, Step]] = field(default_factory=Counter)

    def hear(self, state: DisputeState) -> None:
        known = self.disputes.get(state.id)
        if known is None:
            known = recorded(state, self.payment, dispute_id=DisputeId(f"dsp_{state.id}"), at=NOW)
        dispute = heard(known, state)
        for step in steps_left(dispute):
            dispute = self.step(step, dispute, state)
            self.told[state.id, step] += 1
        self.disputes[state.id] = dispute
        for posting in postings_of(dispute, state, self.payment):
            self.money.setdefault((posting.kind, posting.reference), posting)

    def step(self, step: Step, dispute: Dispute, state: DisputeState) -> Dispute:
        match step:
            case Step.OPEN:
                others = [each for key, each in self.disputes.items() if key != state.id]
                taken = credits_covered(self.payment, disputed_minor(state, self.payment), others)
                uncovered = not_covered(taken, balance_before=self.wallet.balance)
                self.wallet = replace(
                    overdrawn_by(self.wallet, amount=taken), open_disputes=self.wallet.open_disputes + 1
                )
                taken_by = uuid4() if taken else None
                return opened(dispute, taken=taken, uncovered=uncovered, taken_by=taken_by, at=NOW)
            case Step.LOSE:
                self.thaw(dispute)
                return lost(dispute, at=NOW)
            case Step.WIN:
                self.thaw(dispute)
                back = self.wallet.balance + dispute.millicredits
                self.wallet = settled(
                    self.wallet, balance=back, held=self.wallet.held, last_position=self.wallet.last_position + 1
                )
                return won(dispute, restored_by=uuid4() if dispute.millicredits else None, at=NOW)

    def thaw(self, dispute: Dispute) -> None:
        if dispute.freezes:
            self.wallet = replace(self.wallet, open_disputes=self.wallet.open_disputes - 1)

    def holds(self) -> dict[str, object]:
        """What is true now, without how it came about."""
        sums: Counter[str] = Counter()
        for posting in self.money.values():
            for line in posting.lines:
                sums[line.ledger_account] += line.micros
        return {
            "balance": self.wallet.balance,
            "open_disputes": self.wallet.open_disputes,
            "disputes": {
                key: (
                    "lost" if each.status.startswith("appeal_") else each.status,
                    each.freezes,
                    each.keeps,
                    each.won_at,
                    each.withdrawn_at,
                    each.reinstated_at,
                    each.millicredits,
                )
                for key, each in self.disputes.items()
            },
            "money": {account: micros for account, micros in sums.items() if micros},
        }


@st.composite
def lives(draw: st.DrawFn) -> tuple[Books, list[DisputeState], list[DisputeState]]:
    """Books, a dispute's states in their order, and some of them as they might come: the last one among them."""
    paid = draw(st.integers(1, 10_000))
    payment = a_payment(
        paid=paid, millicredits=draw(st.integers(1, 10**9)), refunded=draw(st.sampled_from([0, paid // 3, paid]))
    )
    amount = draw(st.integers(1, paid + 100))
    path = [a_state(status, movements, amount=amount) for status, movements in draw(st.sampled_from(LIVES))]
    some = draw(st.lists(st.sampled_from(path), max_size=10))
    come = draw(st.permutations([*some, path[-1]]))
    wallet = Wallet("acct_1", balance=draw(st.integers(-(10**6), 10**9)))
    return Books(payment, wallet), path, come


def heard_all(books: Books, states: Sequence[DisputeState]) -> Books:
    own = Books(books.payment, books.wallet)
    for state in states:
        own.hear(state)
    return own


@given(lives())
def test_any_order_and_repetition_ends_where_the_last_state_does(
    case: tuple[Books, list[DisputeState], list[DisputeState]],
) -> None:
    books, path, come = case
    assert heard_all(books, come).holds() == heard_all(books, path).holds() == heard_all(books, path[-1:]).holds()


@given(lives())
def test_each_step_is_told_once(case: tuple[Books, list[DisputeState], list[DisputeState]]) -> None:
    books, path, come = case
    for states in (path, come):
        assert set(heard_all(books, [*states, *states]).told.values()) <= {1}


@given(lives())
def test_clearing_account_is_empty_once_money_and_credits_have_moved(
    case: tuple[Books, list[DisputeState], list[DisputeState]],
) -> None:
    """The credits' side of `disputes` is what the wallet lost to it."""
    books, _, come = case
    after = heard_all(books, come)
    dispute = after.disputes["du_1"]
    if (dispute.withdrawn_at is not None) != (dispute.opened_at is not None):
        return
    if (dispute.reinstated_at is not None) != (dispute.won_at is not None):
        return
    money = sum(
        line.micros for posting in after.money.values() for line in posting.lines if line.ledger_account == "disputes"
    )
    assert money == books.wallet.balance - after.wallet.balance


@given(
    st.integers(1, 10_000),
    st.integers(1, 10**9),
    st.lists(st.tuples(st.integers(1, 4_000), st.sampled_from(LIVES[:4])), min_size=2, max_size=4),
    st.randoms(),
)
def test_several_disputes_never_take_more_than_was_bought(
    paid: int, millicredits: int, wanted: list[tuple[int, list[tuple[str, int]]]], random: object
) -> None:
    payment = a_payment(paid=paid, millicredits=millicredits, refunded=paid // 4)
    states = [
        a_state(status, movements, amount=amount, dispute_id=f"du_{number}")
        for number, (amount, life) in enumerate(wanted)
        for status, movements in life
    ]
    random.shuffle(states)  # type: ignore[attr-defined]
    books = Books(payment, Wallet("acct_1"))
    left = millicredits - millicredits * (paid // 4) // paid
    for state in states:
        books.hear(state)
        kept = sum(each.millicredits for each in books.disputes.values() if each.keeps)
        assert 0 <= kept <= left
        assert books.wallet.balance == -kept


@given(st.integers(3, 10_000), st.integers(1, 10**9), st.data())
def test_disputes_and_refunds_of_all_that_was_paid_take_every_credit(
    paid: int, millicredits: int, data: st.DataObject
) -> None:
    refunded = data.draw(st.integers(0, paid - 2))
    first = data.draw(st.integers(1, paid - refunded - 1))
    payment = a_payment(paid=paid, millicredits=millicredits, refunded=refunded)
    books = Books(payment, Wallet("acct_1"))
    for number, amount in enumerate((first, paid - refunded - first)):
        books.hear(a_state("needs_response", 1, amount=amount, dispute_id=f"du_{number}"))
    assert books.wallet.balance == -(millicredits - millicredits * refunded // paid)
