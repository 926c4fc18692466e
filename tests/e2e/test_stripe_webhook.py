"""Stripe's events at the public door: once each, however often and by whomever they are sent."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.e2e import books
from tests.e2e.callers import FIRST_KEY, Customer, Operator, pay, problem_of, side_by_side
from tests.e2e.running import Running
from tests.e2e.stripe_side import StripeSide
from tests.e2e.waiting import eventually


def known_events(operator: Operator, stripe_id: str) -> list[dict[str, object]]:
    """What is stored of a Stripe event: one row, or none."""
    return [one for one in operator.get("webhook-events", limit=100)["data"] if one["stripe_event_id"] == stripe_id]


def settled(operator: Operator, stripe_id: str) -> None:
    """Until the worker is done with it."""
    done = ("handled", "ignored", "failed", "parked")
    eventually(
        lambda: [one for one in known_events(operator, stripe_id) if one["status"] in done],
        seconds=5,
        what="the event is worked on",
    )


def test_same_event_ten_times_at_once_credits_once(
    customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    stripe_side.deliver("hold")
    page = customer.checkout().json()["checkout_url"]
    session = stripe_side.session(page)
    assert pay(page).status_code == 303
    event = stripe_side.completed_event(session)
    answers = side_by_side(lambda _: stripe_side.send(event), list(range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert all(answer.json() == {"received": True} for answer in answers)
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=2, what="the credits are there")
    settled(operator, event["id"])
    stripe_side.deliver("normal")
    assert stripe_side.send(event, path="/webhook/stripe").status_code == 200
    assert len(known_events(operator, event["id"])) == 1
    eventually(lambda: not waiting_events(operator), seconds=10, what="what was held has come and is worked on")
    assert [one["credits"] for one in customer.transactions()] == [FIRST_KEY]
    books.assert_whole(operator, customer)


def waiting_events(operator: Operator) -> list[dict[str, object]]:
    found: list[dict[str, object]] = operator.get("webhook-events", limit=100, status="received")["data"]
    return found


def test_every_event_delivered_twice_credits_once(
    customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    stripe_side.deliver("double")
    customer.buy()
    eventually(lambda: not waiting_events(operator), seconds=10, what="all events are worked on")
    assert [one["credits"] for one in customer.transactions()] == [FIRST_KEY]
    books.assert_whole(operator, customer)


def test_forged_and_stale_signatures_are_refused_and_nothing_is_stored(
    customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    stripe_side.deliver("drop")
    page = customer.checkout().json()["checkout_url"]
    session = stripe_side.session(page)
    assert pay(page).status_code == 303
    event = stripe_side.completed_event(session)
    body = json.dumps(event).encode()
    good = stripe_side.signature(body)
    forged = [
        "",
        "t=1,v1=",
        "nonsense",
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        stripe_side.signature(body, secret="whsec_another"),
        stripe_side.signature(body, secret=""),
        stripe_side.signature(body, scheme="v0"),
        stripe_side.signature(body + b" "),
        stripe_side.signature(body, age_seconds=301),
        stripe_side.signature(body, age_seconds=-303),
    ]
    for signature in forged:
        problem_of(stripe_side.send(body, signature), 400, "invalid_signature")
    assert known_events(operator, event["id"]) == []
    assert customer.credits() == 0
    assert stripe_side.send(body, good).status_code == 200, "the honest one is taken"
    eventually(lambda: customer.credits() == FIRST_KEY, seconds=2, what="the credits are there")
    books.assert_whole(operator, customer)


@pytest.mark.parametrize("body", [b"[]", b"null", b"{}", b'{"object":"v2.core.event","id":"evt_1"}', b"{", b"\xff"])
def test_signed_body_that_is_no_event_is_refused(stripe_side: StripeSide, body: bytes) -> None:
    problem_of(stripe_side.send(body), 400, "invalid_payload")


def test_signed_event_for_an_unpaid_session_is_taken_and_credits_nothing(
    customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    session = stripe_side.session(customer.checkout().json()["checkout_url"])
    event = invented(session, "evt_invented_unpaid_" + session["id"][-12:])
    assert stripe_side.send(event).status_code == 200
    settled(operator, event["id"])
    assert customer.credits() == 0
    assert customer.transactions() == []
    books.assert_whole(operator, customer)


@pytest.mark.parametrize("change", [{"livemode": True}, {"account": "acct_another"}])
def test_signed_event_of_another_place_is_taken_and_ignored(
    customer: Customer, stripe_side: StripeSide, operator: Operator, change: dict[str, object]
) -> None:
    stripe_side.deliver("drop")
    page = customer.checkout().json()["checkout_url"]
    session = stripe_side.session(page)
    assert pay(page).status_code == 303
    event = {**invented(session, f"evt_elsewhere_{next(iter(change))}_{session['id'][-12:]}"), **change}
    assert stripe_side.send(event).status_code == 200
    settled(operator, event["id"])
    assert known_events(operator, event["id"])[0]["status"] == "ignored"
    assert customer.credits() == 0


@pytest.mark.long
def test_command_line_shows_an_event_and_has_it_worked_on_again(
    running: Running, customer: Customer, stripe_side: StripeSide, operator: Operator
) -> None:
    def tollgate(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.cli", "webhooks", *arguments, "--data-dir", str(running.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    customer.buy()
    session_id = stripe_side.get("checkout/sessions", limit=1)["data"][0]["id"]
    listed = tollgate("list", "--about", session_id, "--status", "handled", "--json")
    assert listed.returncode == 0, listed.stderr
    [event] = json.loads(listed.stdout)
    assert event["type"] == "checkout.session.completed"

    replayed = tollgate("replay", event["stripe_event_id"])
    assert replayed.returncode == 0, replayed.stderr
    assert event["id"] in replayed.stdout
    settled(operator, event["stripe_event_id"])
    assert [one["credits"] for one in customer.transactions()] == [FIRST_KEY]
    unknown = tollgate("replay", "evt_of_nobody")
    assert (unknown.returncode, unknown.stderr) == (1, "There is no event evt_of_nobody here.\n")


def test_one_fact_under_two_ids_credits_once(
    new_customer: Callable[[], Customer], stripe_side: StripeSide, operator: Operator
) -> None:
    customer = new_customer()
    customer.buy()
    session = stripe_side.get("checkout/sessions", limit=1)["data"][0]
    again = invented(session, "evt_second_" + session["id"][-12:])
    assert stripe_side.send(again).status_code == 200
    settled(operator, again["id"])
    assert [one["credits"] for one in customer.transactions()] == [FIRST_KEY]
    books.assert_whole(operator, customer)


def invented(session: dict[str, object], event_id: str) -> dict[str, object]:
    """An event that says the session is paid, whatever it is."""
    subject = {**session, "payment_status": "paid", "status": "complete"}
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_790_000_000,
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }
