"""Business time can be moved, never back; what was due on the way happens at its own instant, in order."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.sandbox import Sandbox, kept_clock
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import checkout, disputes, payment_methods, payments, refunds
from deploy.stripe_sandbox.use_cases.turn import Turn
from tests.integration.stripe_sandbox.test_expiry import GIVEN

DAY = 24 * 3600


def opened(path: Path) -> Sandbox:
    store = Store(path)
    return Sandbox(Settings(data_file=path, public_url="http://127.0.0.1:9"), store, clock=kept_clock(store))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    found = opened(tmp_path / "s.sqlite3")
    yield found
    found.store.close()


def paid(turn: Turn, method: str) -> Json:
    intent = payments.create_intent(turn, amount_minor=500, currency="usd", given={})
    attempt = payments.charge(turn, intent, payment_methods.usable_method(turn, method))
    charge = payments.booked(turn, attempt).charge
    assert charge is not None
    return charge


def test_what_is_due_on_the_way_happens_at_its_instant_in_order(sandbox: Sandbox) -> None:
    with sandbox.store.transaction():
        turn = sandbox.turn()
        disputes.open_dispute(turn, paid(turn, "pm_card_visa"), Complaint(500, "fraudulent"))
        expires_at = turn.now + 3600
        given = {name: value for name, value in GIVEN.items() if name != "expires_at"}
        checkout.create_session(turn, {**given, "expires_at": expires_at})
        refunds.create_refund(turn, {"charge": paid(turn, "pm_card_refundFail")["id"]})
        began_at = turn.now
    assert clockwork.advance(sandbox, 30 * DAY) >= began_at + 30 * DAY
    found, _ = sandbox.store.objects.page(Page(kind="event", limit=100))
    later = [(event["type"], event["created"]) for event in reversed(found) if event["created"] > began_at]

    assert [name for name, _ in later] == [
        *("refund.failed", "refund.updated", "charge.refund.updated"),
        "checkout.session.expired",
        "charge.dispute.closed",
    ]
    assert later[0][1] == began_at + 2
    assert later[3][1] == expires_at
    assert later[4][1] % DAY == 0


def test_moved_clock_is_kept_through_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path / "s.sqlite3")
    now = clockwork.advance(first, 1000 * DAY)
    first.store.close()
    second = opened(tmp_path / "s.sqlite3")
    assert second.clock.now() >= now
    assert second.clock.real_now() < now
    second.move_clock_to(now - DAY)
    assert second.clock.now() >= now
    second.store.close()
