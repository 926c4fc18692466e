"""A checkout session is paid once or not at all, whatever cards, banks, controls and time do in whatever order."""

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from deploy.stripe_sandbox.domain.cards import CardDetails
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import authentication, checkout, checkout_page, customers

ITEM = {"quantity": 1, "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}}}
PAYS, DECLINED, ASKS, ASKS_THEN_LACKS, LATER = (
    "4242424242424242",
    "4000000000000002",
    "4000002500003155",
    "4000008260003178",
    "4000000000008088",
)
CARDS = st.sampled_from([PAYS, DECLINED, ASKS, ASKS_THEN_LACKS, LATER, "4242424242424241"])


class OneSession(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "s.sqlite3"
        self.sandbox = Sandbox(Settings(data_file=path, public_url="http://127.0.0.1:9"), Store(path))

    def teardown(self) -> None:
        self.sandbox.store.close()
        self._folder.cleanup()

    def act(self, verb: Any, *given: Any, **more: Any) -> Any:
        with self.sandbox.store.transaction():
            return verb(self.sandbox.turn(), *given, **more)

    def all(self, kind: str) -> list[Json]:
        return self.sandbox.store.objects.page(Page(kind=kind, limit=1000))[0]

    @property
    def session(self) -> Json:
        return self.all("checkout.session")[0]

    @property
    def intent(self) -> Json | None:
        session = self.session
        kind = "payment_intent" if session["mode"] == "payment" else "setup_intent"
        return self.sandbox.store.objects.get(kind, session[kind] or "")

    @initialize(mode=st.sampled_from(["payment", "setup"]), known=st.booleans(), keep=st.booleans())
    def begin(self, mode: str, known: bool, keep: bool) -> None:
        given: Json = {"mode": mode, "success_url": "http://127.0.0.1:9/done"}
        if known:
            given["customer"] = self.act(customers.create_customer, {"name": "Ada"})["id"]
        if mode == "payment":
            given |= {
                "line_items": [ITEM],
                "payment_intent_data": {"setup_future_usage": "off_session"} if keep else {},
            }
            given |= {} if known else {"customer_creation": "always"}
        self.act(checkout.create_session, given)

    @rule(number=CARDS)
    def submit(self, number: str) -> None:
        before = self.session["status"]
        details = CardDetails(number, "12", "2040", "123")
        result = self.act(checkout_page.submit, self.session, details, cardholder="Ada")
        assert isinstance(result, checkout_page.Over) is (before == "expired")
        assert isinstance(result, checkout_page.Done) is (self.session["status"] == "complete")

    @rule(outcome=st.sampled_from(["complete", "fail"]))
    def answer_bank(self, outcome: str) -> None:
        if self.intent is not None:
            found = self.act(authentication.visit, self.intent["id"])
            assert self.act(authentication.answer, found, outcome) is not None

    @rule(verb=st.sampled_from([checkout_page.money_came, checkout_page.money_failed]))
    def money_ends(self, verb: Any) -> None:
        awaited = self.intent is not None and self.intent["status"] == "processing"
        try:
            self.act(verb, self.session)
        except StripeError:
            assert not awaited
        else:
            assert awaited

    @rule()
    def expire(self) -> None:
        was_open = self.session["status"] == "open"
        try:
            self.act(checkout.expire, self.session)
        except StripeError:
            assert not was_open

    @invariant()
    def money_and_session_agree(self) -> None:
        if not self.all("checkout.session"):
            return
        session, intent = self.session, self.intent
        taken = [charge for charge in self.all("charge") if charge["status"] == "succeeded"]
        pending = [charge for charge in self.all("charge") if charge["status"] == "pending"]
        assert len(taken) + len(pending) <= 1
        assert (session["payment_status"] == "paid") is bool(taken)
        assert len(self.all("balance_transaction")) == len(taken)
        if intent is not None:
            ended = {"complete": {"succeeded", "processing", "requires_payment_method"}, "expired": {"canceled"}}
            assert intent["status"] in ended.get(session["status"], {"requires_payment_method", "requires_action"})
            assert (intent["next_action"] is not None) is (intent["status"] == "requires_action")
            assert (intent["status"] == "processing") is bool(pending)

    @invariant()
    def each_end_is_told_once(self) -> None:
        told = [event["type"] for event in self.all("event")]
        for end in ("completed", "expired", "async_payment_succeeded", "async_payment_failed"):
            assert told.count(f"checkout.session.{end}") <= 1
        if self.all("checkout.session"):
            assert ("checkout.session.completed" in told) is (self.session["status"] == "complete")

    @invariant()
    def card_is_kept_only_by_success(self) -> None:
        kept = [method for method in self.all("payment_method") if method["customer"] is not None]
        assert len(kept) <= 1
        if kept:
            assert self.intent is not None
            assert self.intent["status"] == "succeeded"


OneSession.TestCase.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)
test_one_session = OneSession.TestCase
