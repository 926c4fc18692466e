"""Mail over real SMTP, and what its links do."""

import re
from datetime import timedelta
from email.message import EmailMessage

from sqlalchemy import text

from services.gateway.domain.session import token_hash
from services.gateway.store import sessions
from tests.integration.gateway_identity.conftest import PASSWORD, Catcher, World, code_of
from tests.support.http import eventually

NEW_PASSWORD = "a new and longer password"


async def token_mailed(catcher: Catcher, address: str, subject: str) -> str:
    mails: list[EmailMessage] = await eventually(lambda: catcher.to(address, subject))
    body = mails[-1].get_body(("plain",))
    assert body is not None
    found = re.search(r"https://tollgate\.example/[a-z-]+\?token=([A-Za-z0-9_-]{43})\s", body.get_content())
    assert found is not None
    return found[1]


async def test_newcomers_address_is_confirmed_once(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register(name='<b>Ada</b> "x"')
    token = await token_mailed(catcher, customer.email, "Confirm your email address")
    html = catcher.mails[0].get_body(("html",))
    assert html is not None and "&lt;b&gt;Ada&lt;/b&gt;" in html.get_content()
    assert (await customer.http.get("/api/v1/account")).json()["email_verified"] is False
    confirmed = await mailing.http.post("/api/v1/auth/verify-email", json={"token": token})
    assert confirmed.status_code == 200
    assert (await customer.http.get("/api/v1/account")).json()["email_verified"] is True
    again = await mailing.http.post("/api/v1/auth/verify-email", json={"token": token})
    assert (again.status_code, code_of(again)) == (422, "validation_failed")
    assert token not in again.text


async def test_reset_sets_a_new_password_and_ends_every_session(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register()
    asked = await mailing.http.post(
        "/api/v1/auth/password-reset",
        json={"email": customer.email.upper()},
        headers={"x-forwarded-host": "evil.example", "forwarded": "host=evil.example"},
    )
    assert asked.status_code == 202
    token = await token_mailed(catcher, customer.email, "Set a new password")
    assert all("evil" not in mail.as_string() for mail in catcher.mails)
    confirm = {"token": token, "password": NEW_PASSWORD}
    short = await mailing.http.post("/api/v1/auth/password-reset/confirm", json={**confirm, "password": "short"})
    assert short.status_code == 422
    done = await mailing.http.post("/api/v1/auth/password-reset/confirm", json=confirm)
    assert done.status_code == 204

    async def is_out() -> bool:
        return (await customer.http.get("/api/v1/account")).status_code == 401

    await eventually(is_out, within_seconds=1.0)
    again = await mailing.http.post("/api/v1/auth/password-reset/confirm", json=confirm)
    assert again.status_code == 422
    for password, status in ((PASSWORD, 401), (NEW_PASSWORD, 200)):
        signed_in = await mailing.http.post("/api/v1/auth/login", json={"email": customer.email, "password": password})
        assert signed_in.status_code == status


async def test_reset_says_the_same_of_an_unknown_address_and_mails_nobody(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register()
    known = await mailing.http.post("/api/v1/auth/password-reset", json={"email": customer.email})
    unknown = await mailing.http.post("/api/v1/auth/password-reset", json={"email": "nobody@example.com"})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, known.content)
    await eventually(lambda: catcher.to(customer.email, "Set a new password"))

    async def is_empty() -> bool:
        async with mailing.gateway.database.transaction() as connection:
            return not await connection.scalar(text("SELECT count(*) FROM mail_outbox"))

    await eventually(is_empty)
    assert {mail["To"] for mail in catcher.mails} == {customer.email}


async def test_token_is_for_one_purpose_and_ends_in_time(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register()
    verifying = await token_mailed(catcher, customer.email, "Confirm your email address")
    wrong_purpose = await mailing.http.post(
        "/api/v1/auth/password-reset/confirm", json={"token": verifying, "password": NEW_PASSWORD}
    )
    assert wrong_purpose.status_code == 422
    async with mailing.gateway.database.transaction() as connection:
        await connection.execute(text("DELETE FROM mailed_tokens WHERE purpose = 'reset_password'"))
    await mailing.http.post("/api/v1/auth/password-reset", json={"email": customer.email})
    late = await token_mailed(catcher, customer.email, "Set a new password")
    in_the_past = mailing.gateway.clock.real_now() - timedelta(seconds=1)
    async with mailing.gateway.database.transaction() as connection:
        await sessions.insert_mailed(
            connection, token_hash(late), customer.id, "reset_password", at=in_the_past, expires_at=in_the_past
        )
    for token in (late, "x" * 43, "", "x" * 200):
        refused = await mailing.http.post(
            "/api/v1/auth/password-reset/confirm", json={"token": token, "password": NEW_PASSWORD}
        )
        assert (refused.status_code, code_of(refused)) == (422, "validation_failed")


async def test_only_the_newest_reset_link_works(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register()
    tokens = []
    for count in (1, 2):
        await mailing.http.post("/api/v1/auth/password-reset", json={"email": customer.email})
        await eventually(lambda: len(catcher.to(customer.email, "Set a new password")) == count)  # noqa: B023
        tokens.append(await token_mailed(catcher, customer.email, "Set a new password"))
    for token, status in zip(tokens, (422, 204), strict=True):
        answer = await mailing.http.post(
            "/api/v1/auth/password-reset/confirm", json={"token": token, "password": NEW_PASSWORD}
        )
        assert answer.status_code == status


async def test_an_address_is_not_flooded_with_reset_mails(mailing: World, catcher: Catcher) -> None:
    customer = await mailing.register()
    for _ in range(8):
        asked = await mailing.http.post("/api/v1/auth/password-reset", json={"email": customer.email})
        assert asked.status_code == 202
    async with mailing.gateway.database.transaction() as connection:
        queued = await connection.scalar(text("SELECT count(*) FROM mail_outbox WHERE template = 'reset_requested'"))
    assert isinstance(queued, int) and queued + len(catcher.to(customer.email, "Set a new password")) <= 6


async def test_refused_mail_is_sent_later_under_the_same_message_id(mailing: World, catcher: Catcher) -> None:
    catcher.refuses = 1
    customer = await mailing.register()

    async def was_refused() -> bool:
        async with mailing.gateway.database.transaction() as connection:
            row = (await connection.execute(text("SELECT id, attempts, last_error FROM mail_outbox"))).first()
            return row is not None and row.last_error is not None

    await eventually(was_refused)
    async with mailing.gateway.database.transaction() as connection:
        mail_id = await connection.scalar(text("SELECT id FROM mail_outbox"))
        await connection.execute(text("UPDATE mail_outbox SET next_attempt_at = now()"))
    mails: list[EmailMessage] = await eventually(lambda: catcher.to(customer.email, "Confirm your email address"))
    assert mails[0]["Message-ID"] == f"<{mail_id}@tollgate.local>"
