"""Checkout sessions end by time alone."""

from pathlib import Path

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.clock import Clock
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.store.store import Store
from deploy.stripe_sandbox.use_cases import checkout

NOW = 1_800_000_000
GIVEN = {
    "success_url": "http://127.0.0.1:9/",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}},
        }
    ],
    "expires_at": NOW + 1800,
}


class MovedClock(Clock):
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> int:
        return self.at


def test_open_session_expires_at_its_instant_and_says_so_once(tmp_path: Path) -> None:
    clock = MovedClock()
    settings = Settings(data_file=tmp_path / "s.sqlite3", public_url="http://127.0.0.1:9")
    sandbox = Sandbox(settings=settings, store=Store(settings.data_file), clock=clock)
    with sandbox.store.transaction():
        session_id = checkout.create_session(sandbox.turn(), GIVEN)["id"]

    clock.at = NOW + 1799
    clockwork.tick(sandbox)
    assert status(sandbox, session_id) == "open"
    clock.at = NOW + 1800
    clockwork.tick(sandbox)
    clockwork.tick(sandbox)
    assert status(sandbox, session_id) == "expired"
    with sandbox.store.transaction():
        turn = sandbox.turn()
        assert [event["type"] for event in events(turn.store)] == ["checkout.session.expired"]
    sandbox.store.close()


def status(sandbox: Sandbox, session_id: str) -> str:
    session = sandbox.store.objects.get("checkout.session", session_id)
    assert session is not None
    return str(session["status"])


def events(store: Store) -> list[dict[str, object]]:
    return store.objects.page(Page(kind="event", limit=10))[0]
