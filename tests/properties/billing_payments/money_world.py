"""Billing's use cases and the Stripe sandbox in one process, without servers: the SDK asks the sandbox's application
itself, Stripe's events go into a mailbox, and nothing moves unless it is told to.

PostgreSQL and Redis are real, and made once; `World.example()` empties them and begins with a new sandbox.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from deploy.stripe_sandbox import clockwork
from deploy.stripe_sandbox.app import create_app
from deploy.stripe_sandbox.domain.api_versions import rendered
from deploy.stripe_sandbox.sandbox import Sandbox
from deploy.stripe_sandbox.settings import Settings as SandboxSettings
from deploy.stripe_sandbox.store.objects import Page
from services.billing.app import open_service
from services.billing.clients.gateway import AccountFacts
from services.billing.domain.books.audit import MoneyProof
from services.billing.domain.ledger.items import Call, Charge, Result
from services.billing.domain.payment import Payment
from services.billing.domain.reconciliation import Report
from services.billing.domain.refund import Refund
from services.billing.domain.top_up import AutoTopUp
from services.billing.domain.webhook_signature import sign
from services.billing.service import Billing
from services.billing.settings import Settings
from services.billing.use_cases import auto_top_up, refund_making
from services.billing.use_cases.checkout import CheckoutOrder, check_out
from services.billing.use_cases.debts import recover_debts
from services.billing.use_cases.expiry import look_after_payments
from services.billing.use_cases.judging import Buyer
from services.billing.use_cases.payments import cancel_payment
from services.billing.use_cases.reconciliation import reconcile
from services.billing.use_cases.refund_asking import RefundOrder, refund_payment
from services.billing.use_cases.saved_cards import begin_saving
from services.billing.use_cases.verify_books import verify_books
from services.billing.use_cases.verify_ledger import verify_ledger
from services.billing.use_cases.webhook_worker import work_on_events
from services.billing.use_cases.webhooks import receive_event
from shared.errors import DomainError
from shared.ids import new_uuid
from shared.money import Money
from tests.properties.billing_payments.money_model import AtStripe
from tests.support import keys
from tests.support.databases import TestDatabase
from tests.support.stripe_contract import Watch

SECRET_KEY, WEBHOOK_SECRET = "sk_test_of_the_machine", "whsec_of_the_machine"
STRIPE_URL = "http://stripe.test"
NO_LIMIT_MINOR = 10**9
MOST_EVENTS = 1_000
RETRIES = 8


@dataclass
class BusinessClock:
    """The machine's time, moved ahead together with the sandbox's."""

    ahead: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return self.real_now() + self.ahead

    def real_now(self) -> datetime:
        return datetime.now(UTC)


class _Allows:
    """Fraud and the gateway, who have nothing against anybody."""

    async def assess(self, facts: Any) -> Any:
        return {"id": "asm_1", "decision": "allow", "score": 0, "reasons": []}

    async def account(self, account_id: str) -> AccountFacts:
        return AccountFacts("verified", "active", NO_LIMIT_MINOR)


@dataclass
class World:
    """What outlives an example."""

    billing: Billing
    clock: BusinessClock
    owner: asyncpg.Connection
    tables: list[str]

    async def example(self, folder: Path) -> "Example":
        """Everything from the beginning."""
        await self.owner.execute("".join(f"DELETE FROM billing.{table};" for table in self.tables))  # noqa: S608
        self.clock.ahead = timedelta()
        settings = SandboxSettings(folder / "stripe.sqlite3", STRIPE_URL, f"{STRIPE_URL}/hook", WEBHOOK_SECRET)
        app, watch = create_app(settings), Watch()
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=watch.sandbox(app)))
        transport: Any = self.billing.stripe._transport
        transport._client_async, transport.sleep_async = client, _at_once
        return Example(self, app.state.sandbox, client, watch)


@contextlib.asynccontextmanager
async def opened_world(database: TestDatabase, redis_url: str) -> AsyncIterator[World]:
    """Billing over that database, its siblings and Stripe to be put in."""
    clock = BusinessClock()
    settings = Settings(
        _env_file=None,
        environment="test",
        log_level="warning",
        database_url=database.url_of("billing"),
        redis_url=redis_url,
        stripe_secret_key=SECRET_KEY,
        stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_api_base=STRIPE_URL,
        top_up_cooldown_seconds=60,
        **keys.environment("billing"),
    )
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("SET session_replication_role = replica")  # what only ever grows may be emptied too
    found = await owner.fetch(
        "SELECT relname FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE nspname = 'billing' AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'alembic_version'"
    )
    names = [row["relname"] for row in found]
    filled = [name for name in names if not await owner.fetchval(f"SELECT EXISTS (SELECT FROM billing.{name})")]  # noqa: S608
    async with open_service(settings, clock=clock) as billing:
        allows: Any = _Allows()
        yield World(replace(billing, fraud=allows, gateway=allows), clock, owner, filled)
    await owner.close()


@dataclass
class Example:
    """One history. Events of Stripe's are in `mail()` until they are delivered or dropped."""

    world: World
    sandbox: Sandbox
    http: httpx.AsyncClient
    watch: Watch
    seen: set[str] = field(default_factory=set)

    @property
    def billing(self) -> Billing:
        return self.world.billing

    # What customers do

    async def begin(self, account_id: str, credits: int, currency: str) -> tuple[str | None, Payment | None]:
        """Why it was refused, or the payment with its page."""
        buyer, made = Buyer(account_id, "verified", NO_LIMIT_MINOR, None, None, None), []

        async def keep(_connection: object, payment: Payment) -> None:
            made.append(payment)

        refused = await _refusal(check_out(self.billing, buyer, CheckoutOrder(credits, currency), keep))
        return refused, made[0] if made else None

    async def pay(self, page: str, number: str, *, confirms: bool = True) -> None:
        """A try on a page of Stripe's, and on the bank's where that asks."""
        answer = await self.http.post(page, data={"number": number, "exp": "12/40", "cvc": "123", "name": "Ada"})
        if answer.status_code == httpx.codes.SEE_OTHER and "/c/3ds/" in (bank := answer.headers["location"]):
            answer = await self.http.post(bank, data={"outcome": "complete" if confirms else "fail"})
        assert answer.status_code in (200, 303, 402, 410), answer.text

    async def leave(self, account_id: str, payment_id: str) -> str | None:
        return await _refusal(cancel_payment(self.billing, account_id, payment_id))

    async def spend(self, account_id: str, millicredits: int) -> Result:
        real_now = self.billing.clock.real_now()
        call = Call(request_id=new_uuid(at=real_now), route="echo", key_id="key_1", price_version=1)
        [result] = await self.billing.poster.post([Charge(new_uuid(at=real_now), account_id, millicredits, call)])
        return result

    async def save_card(self, account_id: str, number: str) -> None:
        await self.pay(await begin_saving(self.billing, account_id, success_url=None, cancel_url=None), number)

    async def switch_on(self, account_id: str, *, threshold: int, amount: int, cap: int) -> str | None:
        wanted = AutoTopUp(account_id, True, threshold, amount, cap, self.billing.clock.now())

        async def keep(_connection: object, _setting: AutoTopUp, _bought: int) -> None: ...

        return await _refusal(auto_top_up.change_setting(self.billing, wanted, keep))

    # What the operator does

    async def refund(self, payment_id: str, amount: Money | None) -> str | None:
        order = RefundOrder(payment_id, amount, None, "acct_operator", None)
        return await _refusal(refund_payment(self.billing, order, _refund_itself))

    # What happens at Stripe without billing

    async def at_stripe(self, method: str, path: str, **form: Any) -> Any:
        """Stripe's answer to somebody else with the same key; None where it refuses."""
        headers = {"authorization": f"Bearer {SECRET_KEY}"}
        answer = await self.http.request(method, f"{STRIPE_URL}/v1/{path}", data=form or None, headers=headers)
        return answer.json() if answer.is_success else None

    async def control(self, at: str, **body: Any) -> bool:
        """Whether the sandbox could do it."""
        return (await self.http.post(f"{STRIPE_URL}/test/{at}", json=body)).is_success

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """In the order in which they were made."""
        found, more = self.sandbox.store.objects.page(Page(kind, MOST_EVENTS))
        assert not more
        return found[::-1]

    def charges_left(self) -> list[dict[str, Any]]:
        """Of which there is something to give back."""
        paid = (each for each in self.objects("charge") if each["status"] == "succeeded")
        return [each for each in paid if each["amount_refunded"] < each["amount"]]

    def disputes_open(self, status: str = "needs_response") -> list[dict[str, Any]]:
        return [each for each in self.objects("dispute") if each["status"] == status]

    def money_awaited(self) -> list[dict[str, Any]]:
        """Sessions that are complete, and whose money is on its way."""
        awaiting = {each["id"] for each in self.objects("payment_intent") if each["status"] == "processing"}
        return [each for each in self.objects("checkout.session") if each["payment_intent"] in awaiting]

    def truth(self) -> AtStripe:
        return AtStripe(*map(self.objects, ("charge", "refund", "dispute", "balance_transaction")))

    async def balance(self) -> dict[str, int]:
        """Stripe's, by currency, in minor units."""
        told = await self.at_stripe("GET", "balance")
        sums: dict[str, int] = {}
        for part in (*told["available"], *told["pending"]):
            sums[part["currency"]] = sums.get(part["currency"], 0) + part["amount"]
        return {currency: minor for currency, minor in sums.items() if minor}

    def pass_time(self, minutes: int) -> None:
        clockwork.advance(self.sandbox, minutes * 60)
        self.world.clock.ahead += timedelta(minutes=minutes)

    # The mail

    def mail(self) -> list[dict[str, Any]]:
        """Events that were never delivered, oldest first, those that were dropped too."""
        return [event for event in self.objects("event") if event["id"] not in self.seen]

    async def deliver(self, events: Sequence[dict[str, Any]], version: str | None = None) -> None:
        """As Stripe would send them to an endpoint of that version."""
        for event in events:
            hidden = self.sandbox.store.objects.hidden(event["id"])
            body = json.dumps(rendered(event, hidden, version) if version else event).encode()
            signature = sign(body, secret=WEBHOOK_SECRET, at=self.billing.clock.real_now())
            await receive_event(self.billing, body, signature)
            self.seen.add(event["id"])

    # Billing's loops

    async def work(self) -> None:
        """Until nothing is left that work could help; retries do not wait."""
        for _ in range(RETRIES):
            while await work_on_events(self.billing):
                pass
            left = await self.world.owner.execute(
                "UPDATE billing.webhook_events SET next_attempt_at = now() WHERE status = 'failed'"
            )
            if left == "UPDATE 0":
                return

    async def look_after(self) -> None:
        """The loops of payments and refunds, as if they had not looked for long."""
        await self.world.owner.execute(
            "UPDATE billing.payments SET leased_until = '-infinity', poll_at = '-infinity';"
            "UPDATE billing.refunds SET leased_until = '-infinity'"
        )
        while await look_after_payments(self.billing):
            pass
        await refund_making.ask_again(self.billing)
        await recover_debts(self.billing)

    async def buy_due(self) -> None:
        await auto_top_up.buy_due(self.billing)

    async def reconcile(self) -> Report:
        report = await reconcile(self.billing)
        assert report is not None
        return report

    # What is in the books

    async def proofs(self) -> tuple[Any, MoneyProof]:
        database = self.billing.database
        return await verify_ledger(database), await verify_books(database)

    async def wallet(self, account_id: str) -> Any:
        found = await self.world.owner.fetchrow(
            "SELECT balance, held, open_disputes FROM billing.wallets WHERE account_id = $1", account_id
        )
        return found or {"balance": 0, "held": 0, "open_disputes": 0}

    async def ledger_account(self, name: str) -> dict[str, int]:
        """Of the money book, in micros by currency."""
        rows = await self.world.owner.fetch(
            "SELECT currency, sum(micros)::bigint AS micros FROM billing.money_entries WHERE ledger_account = $1"
            " GROUP BY currency HAVING sum(micros) <> 0",
            name,
        )
        return {row["currency"]: row["micros"] for row in rows}

    async def events_not_closed(self) -> list[tuple[str, str, str]]:
        rows = await self.world.owner.fetch(
            "SELECT type, status, error FROM billing.webhook_events WHERE status NOT IN ('handled', 'ignored')"
        )
        return [tuple(row) for row in rows]

    async def events_known(self) -> set[str]:
        rows = await self.world.owner.fetch("SELECT stripe_event_id FROM billing.webhook_events")
        return {row["stripe_event_id"] for row in rows}

    async def payments(self) -> list[Any]:
        """Oldest first."""
        return list(
            await self.world.owner.fetch(
                "SELECT id, account_id, status, origin, checkout_url, amount_minor, currency, created_at"
                " FROM billing.payments ORDER BY created_at, id"
            )
        )

    async def most_topped_up_in_a_month(self) -> int:
        """Of the accounts and calendar months, what top-ups bought at most."""
        found: int = await self.world.owner.fetchval(
            "SELECT coalesce(max(bought), 0)::bigint FROM (SELECT sum(millicredits) AS bought FROM billing.payments"
            " WHERE origin = 'auto_top_up' AND transfer_id IS NOT NULL"
            " GROUP BY account_id, date_trunc('month', created_at AT TIME ZONE 'UTC')) AS months"
        )
        return found

    async def close(self) -> None:
        await self.http.aclose()
        self.sandbox.store.close()


async def _at_once(_seconds: float) -> None:
    """Nobody waits here before asking again."""


async def _refund_itself(_connection: object, refund: Refund) -> Refund:
    return refund


async def _refusal(work: Any) -> str | None:
    """The code with which it was refused, if it was."""
    try:
        await work
    except DomainError as refusal:
        return refusal.code
    return None
