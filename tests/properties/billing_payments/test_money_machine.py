"""Whatever is bought, spent, refunded, disputed and topped up, and however Stripe's events come: the books balance at
every step, and once everything has come, or was reconciled, they agree with Stripe's, and customers' credits with the
rules (`money_model`).

Ten histories each time, always the same, and told as they are when they fail; ten more of the kind and two thousand by
chance in `make test-long`, which makes a failing one as short as it can.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.billing.domain.books.posting import micros_of_minor
from services.billing.domain.ledger.items import Verdict
from services.billing.domain.reconciliation import Report
from shared.ids import new_id
from shared.money import Money
from tests.conftest import Servers
from tests.properties.billing_payments.money_model import Model, Order
from tests.properties.billing_payments.money_world import Example, World, opened_world
from tests.support import databases

T = TypeVar("T")

ACCOUNTS = st.integers(0, 1)
CURRENCIES = st.sampled_from(("usd", "eur", "jpy", "bhd"))
CREDITS = st.integers(5_000, 20_000)
"""Few are a whole number of cents, yen or fils."""
CARDS = {
    "good": "4242424242424242",
    "declined": "4000000000000002",
    "asks": "4000002760003184",
    "disputes": "4000000000000259",
    "refund fails": "4000000000005126",
    "refund waits": "4000000000007726",
    "pays late": "4000000000008088",
    "is asked about": "4000000000001976",
}
SAVED = {"good": "4242424242424242", "declines later": "4000000000000341", "asks": "4000002760003184"}
CARD = st.sampled_from(("good", "good", *CARDS))
VERSIONS = st.sampled_from((None, None, "2022-08-01", "2019-05-16"))
"""The present one, and two of old."""
THRESHOLD, TOP_UP, CAP = 2_000_000, 7_777_000, 20_000_000
MOST_MINUTES = 28 * 24 * 60
"""Stripe keeps events for 30 days, and no longer is looked back."""
AWAY = "service_unavailable"
REFUSALS = {None, "not_refundable", "refund_exceeds_payment"}
LEAVING = {None, "payment_already_paid", "not_cancelable"}


class Money4Credits(RuleBasedStateMachine):
    """`dropped`: events of Stripe's that were lost, so that only reconciliation can find what they told."""

    world: World
    runner: asyncio.Runner
    holds_to_the_contract = False

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.dropped: set[str] = set()
        self.minutes = 0
        self.stumbles = False
        self.model = Model()
        self._folder = tempfile.TemporaryDirectory()
        self.example: Example = self.runner.run(self.world.example(Path(self._folder.name)))
        now = self.world.clock.now()
        self.accounts = [new_id("acct", at=now) for _ in range(2)]

    def do(self, work: Awaitable[T]) -> T:
        """To its end; what failed in the middle is not looked at again."""
        try:
            return self.runner.run(_awaited(work))
        except BaseException:
            self.broken = True
            raise

    @contextlib.contextmanager
    def looking(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.broken = True
            raise

    # Buying and spending

    @initialize(
        credits=CREDITS,
        currency=CURRENCIES,
        card=st.sampled_from(("good", "disputes", "refund fails")),
        gone=st.sampled_from(((None, None), (33, 100), (None, 100), (7, 50), (33, None), (100, None))),
        saved=st.none() | st.sampled_from(tuple(SAVED)),
    )
    def has_customers(
        self, credits: int, currency: str, card: str, gone: tuple[int | None, int | None], saved: str | None
    ) -> None:
        """One whose payment has succeeded, and of which so many percent may have been refunded, and of the rest
        disputed, before anything is known of it; and one who may buy automatically."""
        refunded, disputed = gone
        self.buy(0, credits, currency, card, True)
        if refunded is not None:
            self._refund(self.example.objects("charge")[0], refunded)
        if disputed is not None:
            self._dispute(self.example.objects("charge")[0], disputed)
        if saved is not None:
            self.top_up_automatically(1, saved)

    @rule(account=ACCOUNTS, credits=CREDITS, currency=CURRENCIES, card=CARD, confirms=st.booleans())
    def buy(self, account: int, credits: int, currency: str, card: str, confirms: bool) -> None:
        payment = self._begin(account, credits, currency)
        if payment is not None:
            self.do(self.example.pay(payment.checkout_url, CARDS[card], confirms=confirms))

    @rule(account=ACCOUNTS, credits=CREDITS, currency=CURRENCIES)
    def begin(self, account: int, credits: int, currency: str) -> None:
        """A page that is left open."""
        self._begin(account, credits, currency)

    def _begin(self, account: int, credits: int, currency: str) -> Any:
        """The payment; None where Stripe is away, and nobody has an address to pay at."""
        refused, payment = self.do(self.example.begin(self.accounts[account], credits, currency))
        self.may_be_refused(refused, {None})
        if payment is not None:
            self.model.orders[payment.id] = Order(payment.account_id, credits * 1_000, currency)
        return payment

    def may_be_refused(self, code: str | None, codes: set[str | None]) -> None:
        """For a reason of these, or because Stripe stumbles."""
        with self.looking():
            assert code in codes or (code == AWAY and self.stumbles)

    @rule(place=st.integers(0, 9), card=CARD, confirms=st.booleans())
    def pay_on_an_open_page(self, place: int, card: str, confirms: bool) -> None:
        """Also on one whose payment has ended, here or there, and on that of a top-up."""
        pages = [each["checkout_url"] for each in self.do(self.example.payments()) if each["checkout_url"]]
        if pages:
            self.do(self.example.pay(pages[place % len(pages)], CARDS[card], confirms=confirms))

    @rule(place=st.integers(0, 9))
    def leave_a_page(self, place: int) -> None:
        known = self.do(self.example.payments())
        if known:
            payment = known[place % len(known)]
            self.may_be_refused(self.do(self.example.leave(payment["account_id"], payment["id"])), LEAVING)

    @rule(account=ACCOUNTS, percent=st.integers(1, 120))
    def call(self, account: int, percent: int) -> None:
        account_id = self.accounts[account]
        before = self.do(self.example.wallet(account_id))
        amount = max(before["balance"] * percent // 100, 1)
        result = self.do(self.example.spend(account_id, amount))
        with self.looking():
            is_frozen = before["open_disputes"] > 0 or before["balance"] < 0
            covers = amount <= before["balance"] - before["held"]
            assert (result.verdict is Verdict.POSTED) == (covers and not is_frozen)
            assert result.charged == (amount if result.verdict is Verdict.POSTED else 0)
        self.model.spent[account_id] = self.model.spent.get(account_id, 0) + result.charged

    # Top-ups

    @rule(account=ACCOUNTS, card=st.sampled_from(tuple(SAVED)))
    def top_up_automatically(self, account: int, card: str) -> None:
        """A card is saved, what Stripe says of it comes, and it is switched on."""
        account_id = self.accounts[account]
        self.stripe_is_well()
        known = {event["id"] for event in self.example.mail()}
        self.do(self.example.save_card(account_id, SAVED[card]))
        self.do(self.example.deliver([each for each in self.example.mail() if each["id"] not in known]))
        self.do(self.example.work())
        self.model.top_ups[account_id] = TOP_UP
        self.may_be_refused(
            self.do(self.example.switch_on(account_id, threshold=THRESHOLD, amount=TOP_UP, cap=CAP)), {None}
        )

    @precondition(lambda self: self.model.top_ups)
    @rule()
    def buy_what_is_due(self) -> None:
        self.do(self.example.buy_due())

    # Money goes back

    @rule(place=st.integers(0, 9), percent=st.none() | st.integers(1, 100))
    def operator_refunds(self, place: int, percent: int | None) -> None:
        known = self.do(self.example.payments())
        if known:
            payment = known[place % len(known)]
            amount = None if percent is None else _part(payment["amount_minor"], percent, payment["currency"])
            asked = None if amount is None else Money(amount, payment["currency"])
            self.may_be_refused(self.do(self.example.refund(payment["id"], asked)), REFUSALS)

    @precondition(lambda self: self.example.charges_left())
    @rule(place=st.integers(0, 9), percent=st.none() | st.integers(1, 100))
    def refund_at_the_dashboard(self, place: int, percent: int | None) -> None:
        left = self.example.charges_left()
        self._refund(left[place % len(left)], percent)

    def _refund(self, charge: Any, percent: int | None) -> None:
        form = {} if percent is None else {"amount": _part(charge["amount"], percent, charge["currency"])}
        self.do(self.example.at_stripe("POST", "refunds", charge=charge["id"], **form))

    @precondition(lambda self: self.example.objects("refund"))
    @rule(place=st.integers(0, 9))
    def bank_sends_a_refund_back(self, place: int) -> None:
        made = self.example.objects("refund")
        self.do(self.example.control(f"refunds/{made[place % len(made)]['id']}/fail"))

    @precondition(lambda self: self.example.charges_left())
    @rule(place=st.integers(0, 9), percent=st.none() | st.integers(1, 100))
    def dispute(self, place: int, percent: int | None) -> None:
        left = self.example.charges_left()
        self._dispute(left[place % len(left)], percent)

    def _dispute(self, charge: Any, percent: int | None) -> None:
        """Of a part, or of all that is left."""
        left = charge["amount"] - charge["amount_refunded"]
        body = {} if percent is None else {"amount": max(left * percent // 100, 1)}
        self.do(self.example.control(f"charges/{charge['id']}/dispute", **body))

    @precondition(lambda self: self.example.disputes_open())
    @rule(place=st.integers(0, 9), status=st.sampled_from(("won", "lost")))
    def bank_decides(self, place: int, status: str) -> None:
        known = self.example.disputes_open()
        self.do(self.example.control(f"disputes/{known[place % len(known)]['id']}/close", status=status))

    @precondition(lambda self: self.example.disputes_open("warning_needs_response"))
    @rule(place=st.integers(0, 9))
    def bank_takes_what_it_asked_about(self, place: int) -> None:
        known = self.example.disputes_open("warning_needs_response")
        assert self.do(self.example.control(f"disputes/{known[place % len(known)]['id']}/escalate"))

    @precondition(lambda self: self.example.money_awaited())
    @rule(place=st.integers(0, 9), outcome=st.sampled_from(("succeeded", "succeeded", "failed")))
    def late_money_ends(self, place: int, outcome: str) -> None:
        late = self.example.money_awaited()
        assert self.do(self.example.control(f"sessions/{late[place % len(late)]['id']}/async", outcome=outcome))

    @rule()
    def stripe_pays_out(self) -> None:
        for currency in self.do(self.example.balance()):
            self.do(self.example.control("payouts", currency=currency))

    # Time, and the mail

    @rule(
        path=st.sampled_from(("refunds", "payment_intents", "checkout/sessions")),
        times=st.integers(1, 4),
        after=st.booleans(),
    )
    def stripe_stumbles(self, path: str, times: int, after: bool) -> None:
        """The next answers are errors, before or after what was asked is done: more of them than are tried again at
        once, or fewer."""
        self.stumbles = True
        self.do(self.example.control("faults", status=500, times=times, path=f"/v1/{path}", after=after))

    def stripe_is_well(self) -> None:
        """And what was asked for meanwhile is asked for again."""
        if self.stumbles:
            self.do(self.example.control("faults", status=500, times=0))
            self.stumbles = False
            self.do(self.example.look_after())

    @rule(minutes=st.sampled_from((2, 35, 24 * 60, 10 * 24 * 60)))
    def time_passes(self, minutes: int) -> None:
        if self.minutes + minutes <= MOST_MINUTES:
            self.minutes += minutes
            with self.looking():
                self.example.pass_time(minutes)

    @rule()
    def loops_look(self) -> None:
        self.do(self.example.look_after())

    @rule(places=st.lists(st.integers(0, 30), min_size=1, max_size=12), version=VERSIONS, works=st.booleans())
    def some_events_come(self, places: list[int], version: str | None, works: bool) -> None:
        """In any order, some of them twice."""
        mail = self.example.mail()
        if mail:
            self.do(self.example.deliver([mail[place % len(mail)] for place in places], version))
        if works:
            self.do(self.example.work())

    @rule(places=st.lists(st.integers(0, 30), min_size=1, max_size=12))
    def some_are_lost(self, places: list[int]) -> None:
        mail = self.example.mail()
        self.dropped |= {mail[place % len(mail)]["id"] for place in places if mail}

    @rule(shuffled=st.randoms(use_true_random=False), version=VERSIONS)
    def all_the_rest_comes(self, shuffled: Any, version: str | None) -> None:
        """Also what was lost: Stripe tried again."""
        self.stripe_is_well()
        mail = self.example.mail()
        shuffled.shuffle(mail)
        self.do(self.example.deliver(mail, version))
        self.do(self.example.work())
        self.dropped.clear()
        with self.looking():
            self.agrees()

    @rule()
    def it_is_reconciled(self) -> None:
        self.stripe_is_well()
        self.do(self.example.reconcile())
        self.do(self.example.work())
        self.dropped.clear()
        with self.looking():
            self.agrees()

    @invariant()
    def books_balance(self) -> None:
        ledger, money = self.do(self.example.proofs())
        with self.looking():
            assert ledger.balanced and ledger.trial_balance == 0, ledger
            assert money.balanced, money

    def agrees(self) -> None:
        """What must hold once billing knows all."""
        example = self.example
        assert self.do(example.events_not_closed()) == []
        assert self.do(example.events_known()) == {each["id"] for each in example.objects("event")}
        stripe, owed = example.truth(), 0
        for account_id in self.accounts:
            wallet = self.do(example.wallet(account_id))
            assert wallet["balance"] == self.model.credits(account_id, stripe)
            owed += max(0, -wallet["balance"])
        self.do(example.look_after())
        written_off = -self.do(example.ledger_account("allowance_for_debts")).get("usd", 0)
        assert 0 <= written_off <= owed
        assert self.do(example.most_topped_up_in_a_month()) <= CAP
        theirs = {name: micros_of_minor(minor, name) for name, minor in self.do(example.balance()).items()}
        assert self.do(example.ledger_account("stripe_balance")) == theirs
        assert self.do(example.ledger_account("suspense")) == {}
        _, money = self.do(example.proofs())
        assert money.waiting == ()

    def teardown(self) -> None:
        try:
            if not self.broken:
                self.it_is_reconciled() if self.dropped else self._all_comes()
                self._reconciling_again_finds_nothing()
        finally:
            self.runner.run(self.example.close())
            self._folder.cleanup()

    def _all_comes(self) -> None:
        self.stripe_is_well()
        self.do(self.example.deliver(self.example.mail()[::-1]))
        self.do(self.example.work())
        self.agrees()

    def _reconciling_again_finds_nothing(self) -> None:
        report: Report = self.do(self.example.reconcile())
        assert report.differences == () and not any(report.drift_minor.values()), report
        if self.holds_to_the_contract:
            self.example.watch.verify()


def _part(amount_minor: int, percent: int, currency: str) -> int:
    """Of an amount; of one with three decimals the last is 0."""
    step = 10 if currency == "bhd" else 1
    return max(amount_minor * percent // 100 // step, 1) * step


async def _awaited(work: Awaitable[T]) -> T:
    return await work


@pytest.fixture(scope="module")
def world(servers: Servers, runner: asyncio.Runner) -> Iterator[World]:
    made = runner.run(databases.clone(servers.postgres))
    stack = contextlib.AsyncExitStack()
    yield runner.run(stack.enter_async_context(opened_world(made, servers.redis.url)))
    runner.run(stack.aclose())
    runner.run(databases.drop(servers.postgres, made))


@pytest.fixture
def machine(world: World, runner: asyncio.Runner) -> type[Money4Credits]:
    class Machine(Money4Credits):
        pass

    Machine.world, Machine.runner = world, runner
    return Machine


@pytest.mark.parametrize(
    "chance", [0, 1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)]
)
def test_books_and_credits_agree_with_stripe_whatever_happens(machine: type[Money4Credits], chance: int) -> None:
    """In several short runs: each begins with the plainest history, and soon varies what it has."""
    few = settings(max_examples=5, stateful_step_count=15, database=None, phases=(Phase.generate,))
    run_state_machine_as_test(seed(chance)(machine), settings=few)


@pytest.mark.long
@pytest.mark.timeout(3 * 3600)
def test_books_and_credits_agree_with_stripe_in_thousands_of_histories(machine: type[Money4Credits]) -> None:
    machine.holds_to_the_contract = True
    many = settings(max_examples=2_000, stateful_step_count=20, print_blob=True)
    run_state_machine_as_test(machine, settings=many)
