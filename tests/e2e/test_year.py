"""A year of subscribers through the running stack: every license is what it ought to be at every turn of it, every
mail was sent once, and the monthly revenue agrees with a recount. `year_model` says what ought to be.

`YEAR_SUBSCRIBERS` sets how many there are, `YEAR_MONTHS` how long the year is (from 3): with 10 and 12 it takes some
minutes on two busy cores, nearly all of it the stack's own work at the clock's stops.
"""

import os
import tempfile
import time
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e import books
from tests.e2e import running as runners
from tests.e2e.callers import (
    GOOD_CARD,
    Customer,
    Operator,
    bearer,
    exact,
    pay,
    register,
    side_by_side,
    sign_in_operator,
)
from tests.e2e.running import Running
from tests.e2e.stripe_side import StripeSide
from tests.e2e.waiting import eventually
from tests.e2e.year_model import FAILING, MONTHS, Fate, Phase, Plot, brings_minor, fate_of, mails, verdict

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_800)]

SUBSCRIBERS = int(os.environ.get("YEAR_SUBSCRIBERS", "50"))
FAILING_CARD = "4000000000000341"
LONGEST = timedelta(days=31)
OFFSETS = {
    Phase.BEFORE: timedelta(days=-4),
    Phase.EVE: timedelta(hours=-12),
    Phase.FAILED: timedelta(days=2),
    Phase.SUSPENDED: timedelta(days=4),
    Phase.OVER: timedelta(days=6),
}
DELIVERIES = {3: "double", 5: "shuffle", 8: "drop"}
"""In which months Stripe's events come otherwise than they ought to."""
UNWATCHED_MONTH, KILLED_MONTH = 6, 7
SUBJECTS = {
    "license_welcome": "Your license key for ",
    "subscription_renewed": " is renewed until ",
    "renewal_upcoming": " renews on ",
    "payment_failed": "Your payment for ",
    "subscription_suspended": " is suspended",
    "subscription_restored": " works again",
    "subscription_canceled": " is canceled",
}


@dataclass
class Subscriber:
    """One customer with a subscription and its license's key."""

    customer: Customer
    fate: Fate
    subscription_id: str
    stripe_id: str
    stripe_customer_id: str
    key: str
    began_at: datetime


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="tollgate-year-") as folder:
        started = runners.start(Path(folder))
        try:
            started.wait_until_well(seconds=60)
            yield started
        finally:
            started.stop()


@dataclass
class Year:
    """The stack and everybody in it."""

    running: Running
    operator: Operator
    stripe: StripeSide
    subscribers: list[Subscriber]

    def now(self) -> datetime:
        return datetime.fromisoformat(self.operator.get("test-clock")["now"])

    def go_to(self, instant: datetime) -> None:
        """By advances of at most 31 days."""
        while (left := instant - self.now()) > timedelta(0):
            seconds = max(1, int(min(left, LONGEST).total_seconds()))
            url, headers = "/api/v1/admin/test-clock/advance", bearer(self.operator.token)
            answer = self.operator.http.post(url, json={"seconds": seconds}, headers=headers, timeout=920)
            assert answer.status_code == 200, answer.text

    def ours(self, *plots: Plot, month: int) -> list[Subscriber]:
        return [each for each in self.subscribers if each.fate.plot in plots and each.fate.month == month]

    def each(self, work: Callable[[Subscriber], None], *plots: Plot, month: int) -> None:
        for subscriber in self.ours(*plots, month=month):
            work(subscriber)


def test_year_of_subscribers(own_stack: Running) -> None:
    year = begun(own_stack)
    began_at = max(each.began_at for each in year.subscribers)
    for month in range(1, MONTHS + 1):
        live_month(year, month, ends_at=months_after(began_at, month))
    every_mail_was_sent_once(year)
    books.assert_whole(year.operator)


def begun(running: Running) -> Year:
    stack = running.stack()
    operator = sign_in_operator(stack)
    stripe = StripeSide(running.url("stripe_sandbox"), stack["stripe_webhook_secret"], stack["gateway"])
    customers = side_by_side(lambda _: register(running.gateway), range(SUBSCRIBERS), threads=4)
    begun = side_by_side(_asked, customers, threads=4)
    side_by_side(_paid, [page for _, page in begun], threads=8)
    subscribers = []
    for number, (customer, (subscription_id, _)) in enumerate(zip(customers, begun, strict=True)):
        eventually(partial(_is_good, customer, subscription_id), seconds=60, what="the subscription has its license")
        subscribers.append(_known(operator, customer, subscription_id, fate_of(number)))
    return Year(running, operator, stripe, subscribers)


def _asked(customer: Customer) -> tuple[str, str]:
    """The subscription, and the page at which it is paid."""
    begun = customer.post("/api/v1/subscriptions/checkout", {"plan": "license-monthly"})
    assert begun.status_code == 201, begun.text
    return str(begun.json()["id"]), str(begun.json()["checkout_url"])


def _paid(page: str) -> None:
    """All within few seconds, for every second of theirs is a stop of the clock's."""
    assert pay(page).status_code == 303


def _is_good(customer: Customer, subscription_id: str) -> bool:
    found = customer.get(f"/api/v1/subscriptions/{subscription_id}").json()
    if found["status"] != "active" or found["license_id"] is None:
        return False
    return bool(customer.get(f"/api/v1/licenses/{found['license_id']}").json()["status"] == "active")


def _known(operator: Operator, customer: Customer, subscription_id: str, fate: Fate) -> Subscriber:
    told = operator.get("subscriptions", account=customer.account_id)["data"][0]
    license_id = customer.get(f"/api/v1/subscriptions/{subscription_id}").json()["license_id"]
    key = customer.get(f"/api/v1/licenses/{license_id}").json()["key"]
    return Subscriber(
        customer,
        fate,
        subscription_id,
        told["stripe_subscription_id"],
        told["stripe_customer_id"],
        key,
        datetime.fromisoformat(told["current_period_start"]),
    )


def live_month(year: Year, month: int, *, ends_at: datetime) -> None:
    """One month of all subscribers, phase by phase; `ends_at` is the end of the last one's period."""
    year.go_to(ends_at + OFFSETS[Phase.BEFORE])
    act(year, month)
    assert_all(year, month, Phase.BEFORE)
    if month == UNWATCHED_MONTH:
        assert year.operator.send("POST", "subscriptions/monitoring/stop", {}).status_code == 200
        year.go_to(ends_at + OFFSETS[Phase.EVE] - timedelta(hours=1))
        assert year.operator.send("POST", "subscriptions/monitoring/start", {}).status_code == 200
    if month == KILLED_MONTH:
        kill_billing(year)
    year.stripe.deliver(DELIVERIES.get(month, "normal"))
    for phase in (Phase.EVE, Phase.FAILED, Phase.SUSPENDED, Phase.OVER):
        year.go_to(ends_at + OFFSETS[phase])
        assert_all(year, month, phase)
        if phase is Phase.FAILED:
            year.each(lambda one: mend(year, one), Plot.MENDED_IN_GRACE, month=month)
        if phase is Phase.SUSPENDED:
            year.each(lambda one: mend(year, one), Plot.MENDED_LATE, month=month)
    year.stripe.deliver("normal")


def kill_billing(year: Year) -> None:
    gone = year.running.pids("billing")
    year.running.kill("billing")
    year.running.wait_until_replaced("billing", gone, seconds=60)
    year.running.wait_until_well(seconds=60)


def act(year: Year, month: int) -> None:
    """What is done four days before the month's end, and has come about when this returns."""
    for one in year.subscribers:
        if one.fate.month == month:
            _act(year, one)


def _act(year: Year, one: Subscriber) -> None:
    plot, path = one.fate.plot, f"/api/v1/subscriptions/{one.subscription_id}/cancel"
    if plot in FAILING:
        put_card(year, one, FAILING_CARD)
    elif plot in {Plot.CANCELED, Plot.CANCELED_AT_END}:
        answer = one.customer.post(path, {"at_period_end": plot is Plot.CANCELED_AT_END})
        assert answer.status_code == 200, answer.text
    elif plot in {Plot.DISPUTE_WON, Plot.DISPUTE_LOST}:
        dispute(year, one, "won" if plot is Plot.DISPUTE_WON else "lost")
    elif plot in {Plot.REFUNDED, Plot.REFUNDED_IN_PART}:
        refund(year, one, None if plot is Plot.REFUNDED else 700)


def put_card(year: Year, one: Subscriber, number: str) -> None:
    year.stripe.control(f"customers/{one.stripe_customer_id}/card", {"number": number})


def mend(year: Year, one: Subscriber) -> None:
    """A good card; the open invoice is paid by it without a hand."""
    put_card(year, one, GOOD_CARD)
    year.go_to(year.now() + timedelta(hours=2))
    wait_for(one, "VALID")


def dispute(year: Year, one: Subscriber, outcome: str) -> None:
    charge_id = last_payment(year, one)["charge_id"]
    dispute_id = year.stripe.control(f"charges/{charge_id}/dispute", {})["id"]
    wait_for(one, "SUSPENDED")
    year.stripe.control(f"disputes/{dispute_id}/close", {"status": outcome})
    wait_for(one, "VALID" if outcome == "won" else "REVOKED")


def refund(year: Year, one: Subscriber, amount_minor: int | None) -> None:
    answer = year.operator.refund(str(last_payment(year, one)["id"]), amount_minor)
    assert answer.status_code == 201, answer.text


def last_payment(year: Year, one: Subscriber) -> dict[str, Any]:
    """Once its charge is known."""

    def look() -> dict[str, Any] | None:
        newest: dict[str, Any] = year.operator.get("payments", account_id=one.customer.account_id)["data"][0]
        return newest if newest["charge_id"] else None

    return eventually(look, seconds=20, what="the payment's charge is known")


def wait_for(one: Subscriber, code: str) -> None:
    """Without asking more often than a key may be asked for."""
    deadline = time.monotonic() + 25
    while (found := code_of(one)) != code:
        assert time.monotonic() < deadline, f"{one.fate}, {one.subscription_id}: {found}, not {code}"
        time.sleep(1)


def code_of(one: Subscriber) -> str:
    answer = one.customer.http.post("/api/v1/licenses/validate", json={"license_key": one.key})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["code"])


def assert_all(year: Year, month: int, phase: Phase) -> None:
    """Licenses and revenue, as the model has them."""
    for one in year.subscribers:
        wait_for(one, verdict(one.fate, month, phase))
    expected = sum(brings_minor(one.fate, month, phase) for one in year.subscribers)
    statistics = year.operator.get("subscriptions/statistics")
    assert statistics["mrr"] == [{"amount": expected, "currency": "usd"}], (month, phase, statistics)
    assert statistics["arr"] == [{"amount": expected * 12, "currency": "usd"}]
    assert recounted_minor(year) == expected, (month, phase)


def recounted_minor(year: Year) -> int:
    """From the list: active ones, and late ones within three days of what they paid for."""
    now, total, query = year.now(), 0, dict[str, Any](limit=100)
    while True:
        page = year.operator.get("subscriptions", **query)
        for each in page["data"]:
            late = each["status"] == "past_due"
            grace_ends_at = datetime.fromisoformat(each["expires_at"]) + timedelta(days=3)
            if each["status"] == "active" or (late and now < grace_ends_at):
                total += each["price"]["amount"]
        if not page["has_more"]:
            return total
        query["after"] = page["next"]


def every_mail_was_sent_once(year: Year) -> None:
    sent = exact(httpx.get(f"{year.running.url('mail')}/messages", params={"limit": 10_000}, trust_env=False))
    ids = Counter(mail["message_id"] for mail in sent)
    assert max(ids.values()) == 1, [each for each, times in ids.items() if times > 1]
    wrong = {}
    for one in year.subscribers:
        own = [mail for mail in sent if mail["to"] == one.customer.email]
        counted = Counter(kind for mail in own if (kind := kind_of(mail["subject"])) is not None)
        if counted != mails(one.fate):
            wrong[one.fate] = (counted - mails(one.fate), mails(one.fate) - counted)
    assert not wrong, f"too many, too few: {wrong}"


def kind_of(subject: str) -> str | None:
    """Which mail it is; None of one that is not about a subscription."""
    return next((kind for kind, words in SUBJECTS.items() if words in subject), None)


def months_after(instant: datetime, months: int) -> datetime:
    """By the day on which it began: from 31 January to 28 February to 31 March."""
    years, month = divmod(instant.month - 1 + months, 12)
    year, month = instant.year + years, month + 1
    return instant.replace(year=year, month=month, day=min(instant.day, monthrange(year, month)[1]))
