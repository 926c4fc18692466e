"""A book in memory that takes the decider's decisions as the store does, and strategies of items for it."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import Book, Decision, HoldRow, Key, Reversal, UsageChange
from services.billing.domain.ledger.items import Call, Capture, Charge, Hold, Item, Progress, Release, Reverse
from services.billing.domain.ledger.posting import Order, post
from services.billing.domain.ledger.transfer import Transfer
from services.billing.domain.ledger.wallet import Wallet
from shared.ids import new_uuid

NOW = datetime.now(UTC)
"""The ids' time, which a real database must have a month for."""
ACCOUNTS = ("acct_a", "acct_b")


def uuid_of(number: int) -> UUID:
    return new_uuid(at=NOW, entropy=number.to_bytes(10, "big"))


@dataclass
class Model:
    """Every table the ledger has."""

    wallets: dict[str, Wallet] = field(default_factory=dict)
    transfers: dict[Key, Transfer] = field(default_factory=dict)
    reversals: dict[Key, Reversal] = field(default_factory=dict)
    holds: dict[Key, HoldRow] = field(default_factory=dict)
    usage: dict[Key, UsageChange] = field(default_factory=dict)

    def book(self) -> Book:
        return Book(dict(self.wallets), dict(self.transfers), dict(self.reversals), dict(self.holds))

    def take(self, decision: Decision) -> None:
        for wallet in decision.wallets:
            assert wallet.account_id in self.wallets
            self.wallets[wallet.account_id] = wallet
        for transfer in decision.transfers:
            assert (transfer.account_id, transfer.id) not in self.transfers, "the unique key"
            self.transfers[transfer.account_id, transfer.id] = transfer
        for reversal in decision.reversals:
            assert (reversal.account_id, reversal.charge_id) not in self.reversals, "the unique key"
            self.reversals[reversal.account_id, reversal.charge_id] = reversal
        for hold in decision.opened_holds:
            assert (hold.account_id, hold.id) not in self.holds, "the unique key"
            self.holds[hold.account_id, hold.id] = hold
        for hold in decision.closed_holds:
            assert self.holds[hold.account_id, hold.id].state == "open"
            self.holds[hold.account_id, hold.id] = hold
        for hold in decision.progressed_holds:
            assert self.holds[hold.account_id, hold.id].state == hold.state == "open"
            self.holds[hold.account_id, hold.id] = hold
        for change in decision.usage:
            self._use(change)

    def _use(self, change: UsageChange) -> None:
        key = (change.account_id, change.request_id)
        before = self.usage.get(key)
        if before is None:
            assert change.call is not None
            self.usage[key] = change
            return
        kept = change.call is not None and change.credits >= 0 and change.outcome == "unknown"
        self.usage[key] = replace(
            before,
            credits=before.credits + change.credits,
            held=before.held + change.held,
            outcome=before.outcome if kept else change.outcome,
        )

    def fund(self, account_id: str, millicredits: int, number: int) -> None:
        self.move(Order(account_id, uuid_of(number), Kind.PURCHASE, millicredits, "Credits"))

    def move(self, order: Order) -> None:
        wallet, transfer = post(order, self.wallets.get(order.account_id, Wallet(order.account_id)), now=NOW)
        self.wallets[order.account_id] = wallet
        self.transfers[order.account_id, order.transfer_id] = transfer


def funded(amounts: dict[str, int]) -> Model:
    """Wallets that hold so much; zero opens one with nothing in it."""
    model = Model()
    for number, (account_id, millicredits) in enumerate(amounts.items()):
        model.wallets[account_id] = Wallet(account_id)
        if millicredits:
            model.fund(account_id, millicredits, 9_000 + number)
    return model


# Few ids and small amounts, so that items meet one another: the same id twice, captures of holds, reversals of charges.
_numbers = st.integers(1, 6)
_amounts = st.integers(0, 60)
_accounts = st.sampled_from(ACCOUNTS)
_outcomes = st.sampled_from(["delivered", "upstream_failed", "unknown"])


def a_call(number: int, outcome: str = "unknown") -> Call:
    return Call(uuid_of(1_000 + number), "echo", "key_1", 1, outcome=outcome)  # type: ignore[arg-type]


_charges = st.builds(
    lambda account, number, amount: Charge(uuid_of(number), account, amount, a_call(number)),
    _accounts,
    _numbers,
    _amounts,
)
_reverses = st.builds(
    lambda account, number, charge, outcome: Reverse(uuid_of(100 + number), uuid_of(charge), account, outcome),
    _accounts,
    _numbers,
    st.integers(1, 8),
    _outcomes,
)
_holds = st.builds(
    lambda account, number, amount, least: Hold(uuid_of(number), account, amount, least, 1_000, a_call(50 + number)),
    _accounts,
    _numbers,
    _amounts,
    st.integers(0, 30),
)
_captures = st.builds(
    lambda account, number, hold, amount, outcome: Capture(
        uuid_of(200 + number), uuid_of(hold), account, amount, a_call(50 + hold, outcome)
    ),
    _accounts,
    _numbers,
    _numbers,
    _amounts,
    _outcomes,
)
_releases = st.builds(
    lambda account, hold, outcome: Release(uuid_of(hold), account, outcome), _accounts, _numbers, _outcomes
)
_progresses = st.builds(
    lambda account, hold, amount, tokens: Progress(
        uuid_of(hold), account, amount, replace(a_call(50 + hold), tokens=tokens)
    ),
    _accounts,
    _numbers,
    _amounts,
    st.integers(0, 5),
)

items: st.SearchStrategy[list[Item]] = st.lists(
    st.one_of(_charges, _reverses, _holds, _captures, _releases, _progresses), max_size=40
)
funds = st.fixed_dictionaries({account: st.integers(0, 150) for account in ACCOUNTS})
