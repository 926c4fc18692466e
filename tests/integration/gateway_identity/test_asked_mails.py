"""Mails that billing and licensing ask for: once to the customer, whatever dies or is said twice on the way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from importlib import import_module
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from shared import mails
from shared.clock import FixedClock
from shared.contracts.mails import kept_values, path_of
from shared.db import Database
from shared.http_client import ServiceClient
from shared.service_auth import Minter
from tests.integration.gateway_identity.conftest import Catcher, Customer, World, code_of
from tests.support import keys
from tests.support.http import eventually, running

MESSAGE_ID = "sub_1:renewed:in_1"
RENEWED = {"plan": "Monthly license", "amount": "25.00 USD", "until": "3 March 2027"}
SUBJECT = "Monthly license is renewed until 3 March 2027"


class DiesOnceHeard(ServiceClient):
    """Billing that dies when the gateway has answered it, before it can note that."""

    async def put(self, path: str, body: Any, *, deadline_seconds: float | None = None) -> httpx.Response:
        await super().put(path, body, deadline_seconds=deadline_seconds)
        raise asyncio.CancelledError


@dataclass
class Post:
    """A gateway with a mail server, a customer, and `asking()`: the gateway as billing asks it."""

    world: World
    customer: Customer
    catcher: Catcher
    stack: AsyncExitStack

    def asking(self, kind: type[ServiceClient] = ServiceClient, url: str | None = None) -> ServiceClient:
        minter = Minter("billing", keys.SEEDS["billing"])
        client = kind(url or self.world.url, audience="gateway", minter=minter, deadline_seconds=0.3 if url else 5.0)
        self.stack.push_async_callback(client.close)
        return client

    def renewals(self) -> list[EmailMessage]:
        return self.catcher.to(self.customer.email, SUBJECT)

    async def nothing_left(self) -> None:
        async def is_empty() -> bool:
            async with self.world.gateway.database.transaction() as connection:
                return not await connection.scalar(text("SELECT count(*) FROM mail_outbox"))

        await eventually(is_empty)


@pytest.fixture
async def post(mailing: World, catcher: Catcher) -> AsyncIterator[Post]:
    async with AsyncExitStack() as stack:
        yield Post(mailing, await mailing.register(), catcher, stack)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


async def ask(
    database: Database, account_id: str, message_id: str = MESSAGE_ID, values: Mapping[str, str] = RENEWED
) -> bool:
    async with database.transaction() as connection:
        return await mails.enqueue(
            connection, message_id, account_id, "subscription_renewed", values, at=datetime.now(UTC)
        )


async def kept(database: Database, message_id: str = MESSAGE_ID) -> Any:
    async with database.transaction() as connection:
        found = await connection.execute(text("SELECT * FROM mails WHERE id = :id"), {"id": message_id})
        return found.one()


async def test_mail_asked_for_twice_is_sent_once(post: Post, billing_db: Database, clock: FixedClock) -> None:
    assert [await ask(billing_db, post.customer.id) for _ in range(2)] == [True, False]
    for _ in range(2):
        assert await mails.hand_over_due(billing_db, post.asking(), clock) is False
    (mail,) = await eventually(post.renewals)
    await post.nothing_left()
    assert len(post.renewals()) == 1
    assert "25.00 USD" in str(mail.get_body(("plain",)))
    assert (await kept(billing_db)).state == "sent"


async def test_crash_between_commit_and_mail_mails_once_after_all(
    post: Post, billing_db: Database, clock: FixedClock
) -> None:
    await ask(billing_db, post.customer.id)
    with pytest.raises(asyncio.CancelledError):
        await mails.hand_over_due(billing_db, post.asking(DiesOnceHeard), clock)
    await eventually(post.renewals)
    await post.nothing_left()
    await mails.hand_over_due(billing_db, post.asking(), clock)
    assert (await kept(billing_db)).state == "waiting"  # its lease goes on
    clock.advance(mails.LEASE)
    await mails.hand_over_due(billing_db, post.asking(), clock)
    await post.nothing_left()
    row = await kept(billing_db)
    assert (row.state, row.attempts) == ("sent", 2)
    assert len(post.renewals()) == 1


async def test_mail_of_what_was_rolled_back_is_never_sent(post: Post, billing_db: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with billing_db.transaction() as connection:
            await mails.enqueue(
                connection, MESSAGE_ID, post.customer.id, "subscription_renewed", RENEWED, at=datetime.now(UTC)
            )
            raise ZeroDivisionError
    assert await ask(billing_db, post.customer.id) is True


async def test_put_many_times_at_once_is_one_mail(
    post: Post,
) -> None:
    client = post.asking()
    body = {"account_id": post.customer.id, "template": "subscription_renewed", "values": RENEWED}
    answers = await asyncio.gather(*(client.put(path_of(MESSAGE_ID), body) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {202}
    await eventually(post.renewals)
    await post.nothing_left()
    late = await client.put(path_of(MESSAGE_ID), {**body, "values": {**RENEWED, "amount": "1.00 USD"}})
    assert late.status_code == 202
    await post.nothing_left()
    assert len(post.renewals()) == 1


async def test_refused_by_the_mail_server_it_goes_later_under_the_same_message_id(
    post: Post,
) -> None:
    await eventually(lambda: post.catcher.to(post.customer.email, "Confirm your email address"))
    await post.nothing_left()
    post.catcher.refuses = 1
    body = {"account_id": post.customer.id, "template": "subscription_renewed", "values": RENEWED}
    await post.asking().put(path_of(MESSAGE_ID), body)
    await eventually(lambda: not post.catcher.refuses)

    async def is_sent() -> Any:
        async with post.world.gateway.database.transaction() as connection:
            await connection.execute(
                text("UPDATE mail_outbox SET next_attempt_at = '-infinity' WHERE last_error <> ''")
            )
        return post.renewals()

    (mail,) = await eventually(is_sent)
    async with post.world.gateway.database.transaction() as connection:
        mail_id = await connection.scalar(text("SELECT mail_id FROM mails_asked"))
    assert mail["Message-ID"] == f"<{mail_id}@tollgate.local>"


async def test_gateway_away_and_back_again(post: Post, billing_db: Database, clock: FixedClock) -> None:
    await ask(billing_db, post.customer.id)
    with capture_logs() as logs:
        await mails.hand_over_due(billing_db, post.asking(url="http://127.0.0.1:9"), clock)
    assert [line["event"] for line in logs] == ["mail_postponed"]
    row = await kept(billing_db)
    assert (row.state, row.next_attempt_at, row.attempts) == ("waiting", clock.at + mails.FIRST_PAUSE, 1)
    clock.advance(mails.FIRST_PAUSE)
    await mails.hand_over_due(billing_db, post.asking(), clock)
    await eventually(post.renewals)


async def test_after_the_last_attempt_it_is_parked_and_said(
    post: Post, billing_db: Database, clock: FixedClock
) -> None:
    await ask(billing_db, post.customer.id)
    async with billing_db.transaction() as connection:
        await connection.execute(text("UPDATE mails SET attempts = :most"), {"most": mails.MOST_ATTEMPTS - 1})
    parked = mails.HANDED_OVER.labels("parked")._value.get()
    with capture_logs() as logs:
        await mails.hand_over_due(billing_db, post.asking(url="http://127.0.0.1:9"), clock)
    assert [(line["event"], line["log_level"]) for line in logs] == [("mail_parked", "error")]
    assert (await kept(billing_db)).state == "parked"
    assert mails.HANDED_OVER.labels("parked")._value.get() == parked + 1
    clock.advance(timedelta(days=30))
    assert await mails.hand_over_due(billing_db, post.asking(), clock) is False
    assert mails.PARKED._value.get() == 1
    assert await mails.parked(billing_db) == [(MESSAGE_ID, "subscription_renewed", "gateway: TimeoutError")]
    assert await mails.revive(billing_db) == 1
    await mails.hand_over_due(billing_db, post.asking(), clock)
    assert (await kept(billing_db)).state == "sent"


async def test_mail_to_nobody_is_dropped_and_said_and_the_next_one_goes(
    post: Post, billing_db: Database, clock: FixedClock
) -> None:
    await ask(billing_db, "acc_nobody", "sub_0:renewed:in_0")
    await ask(billing_db, post.customer.id)
    with capture_logs() as logs:
        await mails.hand_over_due(billing_db, post.asking(), clock)
    assert [line["event"] for line in logs if line["event"].startswith("mail_")] == ["mail_dropped"]
    assert (await kept(billing_db, "sub_0:renewed:in_0")).state == "dropped"
    await eventually(post.renewals)


async def test_secret_is_added_at_the_hand_over_and_kept_nowhere(
    post: Post, licensing_db: Database, clock: FixedClock
) -> None:
    key = "0123456789abcdef" * 20

    async def resolve(mail: mails.Mail) -> Mapping[str, str]:
        return {"license_key": key}

    values = dict.fromkeys(kept_values("license_welcome"), "something")
    async with licensing_db.transaction() as connection:
        await mails.enqueue(connection, "lic_1:welcome", post.customer.id, "license_welcome", values, at=clock.now())
    await mails.hand_over_due(licensing_db, post.asking(), clock, resolve)
    (mail,) = await eventually(lambda: post.catcher.to(post.customer.email, "Your license key for something"))
    body = mail.get_body(("plain",))
    assert body is not None and key in body.get_content().splitlines()
    assert key not in str(await kept(licensing_db, "lic_1:welcome"))


async def test_what_a_template_lacks_is_refused_where_it_is_asked_for(post: Post, billing_db: Database) -> None:
    for wrong in ({"plan": "x", "amount": "y"}, {**RENEWED, "license_key": "z"}):
        with pytest.raises(AssertionError, match="subscription_renewed needs"):
            await ask(billing_db, post.customer.id, values=wrong)


async def test_gateway_takes_mails_from_its_siblings_only_and_only_those_it_knows(
    post: Post,
) -> None:
    body = {"account_id": post.customer.id, "template": "subscription_renewed", "values": RENEWED}
    for http in (post.world.http, post.customer.http):
        assert (
            await http.put(path_of(MESSAGE_ID), json=body)
        ).status_code == 404  # as every inner address from outside
    client = post.asking()
    for wrong in (
        {**body, "template": "verify_email"},
        {**body, "template": "license_welcome"},
        {**body, "values": {**RENEWED, "more": "x"}},
        {**body, "values": {**RENEWED, "plan": "x" * 4_001}},
    ):
        refused = await client.put(path_of(MESSAGE_ID), wrong)
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed")
    unknown = await client.put(path_of(MESSAGE_ID), {**body, "account_id": "acc_nobody"})
    assert (unknown.status_code, code_of(unknown)) == (404, "not_found")


@pytest.mark.parametrize("service", ["billing", "licensing"])
async def test_services_own_loop_hands_them_over(
    service: str, post: Post, settings_for: Callable[..., Any], database: Any
) -> None:
    app = import_module(f"services.{service}.app").create_app(settings_for(service, gateway_url=post.world.url))
    opened = database.open(service)
    try:
        await ask(opened, post.customer.id)
        async with running(app):
            await eventually(post.renewals)
    finally:
        await opened.close()
