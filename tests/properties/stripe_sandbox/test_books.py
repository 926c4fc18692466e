"""The sandbox's money adds up, whatever happens in whatever order: it is what the ledger is held against.

A model counts apart what the account must hold: each payment, refund, dispute and payout by Stripe's rules.
"""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.domain import charges
from deploy.stripe_sandbox.domain import disputes as dispute_rules
from deploy.stripe_sandbox.domain import refunds as refund_rules
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import balance, disputes, payment_methods, payments, refunds

CARDS = st.sampled_from(["pm_card_refundFail", "pm_card_visa", "pm_card_createDispute"])
CURRENCIES = st.sampled_from(["usd", "eur", "jpy"])
DAY = 24 * 3600


class Books(RuleBasedStateMachine):
    payments = Bundle("payments")
    disputed = Bundle("disputed")

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "s.sqlite3"
        self.sandbox = Sandbox(Settings(data_file=path, public_url="http://127.0.0.1:9"), Store(path))
        self.expected: dict[str, int] = {}
        self.refunded: dict[str, int] = {}
        self.failing: list[tuple[str, str, int]] = []

    def teardown(self) -> None:
        self.sandbox.store.close()
        self._folder.cleanup()

    def moved(self, currency: str, net_minor: int) -> None:
        self.expected[currency] = self.expected.get(currency, 0) + net_minor

    def act(self, verb: Any, *given: Any, **more: Any) -> Any:
        with self.sandbox.store.transaction():
            return verb(self.sandbox.turn(), *given, **more)

    def charge(self, charge_id: str) -> Json:
        found = self.sandbox.store.objects.get("charge", charge_id)
        assert found is not None
        return found

    @rule(target=payments, card=CARDS, currency=CURRENCIES, amount=st.integers(500, 5000))
    def pay(self, card: str, currency: str, amount: int) -> str:
        with self.sandbox.store.transaction():
            turn = self.sandbox.turn()
            intent = payments.create_intent(turn, amount_minor=amount, currency=currency, given={})
            paid = payments.charge(turn, intent, payment_methods.usable_method(turn, card))
            charge = payments.booked(turn, paid).charge
        assert charge is not None
        self.moved(currency, amount - charges.fee_minor(amount, currency))
        if charge["disputed"]:
            self.moved(currency, -amount - dispute_rules.fee_minor(currency))
        return str(charge["id"])

    @rule(charge_id=payments, amount=st.none() | st.integers(1, 5000))
    def refund(self, charge_id: str, amount: int | None) -> None:
        before = self.charge(charge_id)
        given = {"charge": charge_id} | ({} if amount is None else {"amount": amount})
        try:
            made = self.act(refunds.create_refund, given)
        except StripeError:
            left = charges.left_minor(before)
            assert before["disputed"] or left == 0 or (amount or 0) > left
            return
        self.moved(before["currency"], -made["amount"])
        self.refunded[charge_id] = self.refunded.get(charge_id, 0) + made["amount"]
        if refund_rules.outcome_of(self.act(refunds.behaviour_of, before)) == "failed":
            self.failing.append((charge_id, before["currency"], made["amount"]))

    @rule(target=disputed, charge_id=payments, part=st.integers(1, 100))
    def dispute(self, charge_id: str, part: int) -> Any:
        charge = self.charge(charge_id)
        amount = max(charges.left_minor(charge) * part // 100, 1)
        try:
            found = self.act(disputes.open_dispute, charge, Complaint(amount, "general"))
        except StripeError:
            assert charge["disputed"] or charges.left_minor(charge) == 0
            return multiple()
        self.moved(charge["currency"], -amount - dispute_rules.fee_minor(charge["currency"]))
        return found["id"]

    @rule(dispute_id=consumes(disputed), status=st.sampled_from(["won", "lost"]))
    def close(self, dispute_id: str, status: str) -> None:
        found = self.sandbox.store.objects.get("dispute", dispute_id)
        assert found is not None
        if found["status"] == "lost":  # nobody had answered it in time
            return
        self.act(disputes.close, found, status=status)
        if status == "won":
            self.moved(found["currency"], found["amount"])

    @rule(currency=CURRENCIES)
    def pay_out(self, currency: str) -> None:
        try:
            payout = self.act(balance.pay_out_all, currency=currency)
        except StripeError:
            return
        self.moved(currency, -payout["amount"])

    @rule(days=st.integers(1, 5))
    def wait(self, days: int) -> None:
        clockwork.advance(self.sandbox, days * DAY)
        for charge_id, currency, amount in self.failing:
            self.moved(currency, amount)
            self.refunded[charge_id] -= amount
        self.failing.clear()

    @invariant()
    def balance_is_what_the_model_counted(self) -> None:
        now = self.sandbox.clock.now()
        held = {each.currency: each.available_minor + each.pending_minor for each in self._holdings(now)}
        assert held == self.expected

    @invariant()
    def charges_know_what_went_back(self) -> None:
        for charge_id, total in self.refunded.items():
            charge = self.charge(charge_id)
            assert charge["amount_refunded"] == total
            assert charge["refunded"] == (total == charge["amount_captured"])

    @invariant()
    def every_transaction_names_its_source(self) -> None:
        found, _ = self.sandbox.store.objects.page(Page("balance_transaction", 1000))
        for transaction in found:
            assert transaction["net"] == transaction["amount"] - transaction["fee"]
            kinds = ("charge", "refund", "dispute", "payout")
            assert any(self.sandbox.store.objects.get(kind, transaction["source"]) for kind in kinds)

    def _holdings(self, now: int) -> Any:
        return self.sandbox.store.ledger.holdings(now=now)


Books.TestCase.settings = settings(max_examples=20, stateful_step_count=15)
TestBooks = Books.TestCase
