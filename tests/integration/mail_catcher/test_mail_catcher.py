"""Mail in by a real SMTP client, out by HTTP."""

from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib
import httpx
import pytest
from starlette.applications import Starlette

from deploy.local.mail_catcher import store
from deploy.local.mail_catcher.app import create_app
from tests.support.http import running

EVIL = '"><script>alert(1)</script>'


def mail(to: str, subject: str = "Hello", text: str = "A line.\n", html: str | None = None) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "tollgate@example.com", to, subject
    message["Message-ID"] = "<one@tollgate>"
    message.set_content(text)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


@pytest.fixture
def app() -> Starlette:
    return create_app(host="127.0.0.1", smtp_port=0)


@pytest.fixture
async def http(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    async with running(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def send(app: Starlette, message: EmailMessage, *to: str) -> None:
    await aiosmtplib.send(
        message, hostname="127.0.0.1", port=app.state.smtp_port, recipients=list(to) or None, start_tls=False
    )


async def test_mail_is_caught_with_its_parts(app: Starlette, http: httpx.AsyncClient) -> None:
    await send(app, mail("ada@example.com", "Grüße", "Your key:\nabc\n", "<b>Your key</b>"))
    (caught,) = (await http.get("/messages")).json()
    assert caught["to"] == "ada@example.com"
    assert caught["subject"] == "Grüße"
    assert caught["text"].splitlines() == ["Your key:", "abc"]
    assert caught["html"].strip() == "<b>Your key</b>"
    assert caught["message_id"] == "<one@tollgate>"
    assert caught["sent_at"].endswith("Z")
    assert (await http.get(f"/messages/{caught['id']}")).json() == caught


async def test_messages_of_one_recipient_come_newest_first(app: Starlette, http: httpx.AsyncClient) -> None:
    for subject in ("first", "second"):
        await send(app, mail("ada@example.com", subject))
    await send(app, mail("bob@example.com", "other"))
    of_ada = (await http.get("/messages", params={"to": "ADA@example.com"})).json()
    assert [one["subject"] for one in of_ada] == ["second", "first"]
    assert (await http.get("/messages", params={"to": "eve@example.com"})).json() == []


async def test_each_recipient_has_an_entry(app: Starlette, http: httpx.AsyncClient) -> None:
    await send(app, mail("ada@example.com"), "ada@example.com", "bob@example.com")
    assert {one["to"] for one in (await http.get("/messages")).json()} == {"ada@example.com", "bob@example.com"}


async def test_mail_without_html_says_so(app: Starlette, http: httpx.AsyncClient) -> None:
    await send(app, mail("ada@example.com"))
    assert (await http.get("/messages")).json()[0]["html"] is None


async def test_pages_escape_what_came_by_mail(app: Starlette, http: httpx.AsyncClient) -> None:
    await send(app, mail("ada@example.com", EVIL, EVIL, EVIL))
    number = (await http.get("/messages")).json()[0]["id"]
    for path in ("/", f"/read/{number}"):
        page = await http.get(path)
        assert "<script>" not in page.text and "&lt;script&gt;" in page.text
        assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    frame = await http.get(f"/html/{number}")
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox;") and "default-src 'none'" in policy


@pytest.mark.parametrize("path", ["/read/mail_9", "/html/mail_9", "/messages/mail_9", "/read/x", "/nothing"])
async def test_what_is_not_there_answers_404(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404


async def test_empty_mailbox_and_ping_answer(http: httpx.AsyncClient) -> None:
    assert "No mail yet" in (await http.get("/")).text
    assert (await http.get("/ping")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"Subject: =?bad?q?x?=\r\n\r\nbody",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\nhe\xffy",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\nno parts",
        b"To: <>\r\nMessage-ID: <\r\nSubject:\r\n\r\n",
    ],
)
async def test_malformed_mail_is_kept_all_the_same(app: Starlette, http: httpx.AsyncClient, content: bytes) -> None:
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=app.state.smtp_port, start_tls=False) as client:
        await client.sendmail("a@example.com", ["b@example.com"], content)
    (caught,) = (await http.get("/messages")).json()
    assert caught["to"] == "b@example.com"
    assert (await http.get(f"/read/{caught['id']}")).status_code == 200


async def test_only_the_newest_are_kept(
    app: Starlette, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STORE_MOST", 2)
    for subject in ("one", "two", "three"):
        await send(app, mail("ada@example.com", subject))
    assert [one["subject"] for one in (await http.get("/messages")).json()] == ["three", "two"]


async def test_mails_survive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "mail.sqlite3"
    first = create_app(host="127.0.0.1", smtp_port=0, data=file)
    async with running(first):
        await send(first, mail("ada@example.com"))
    second = create_app(host="127.0.0.1", smtp_port=0, data=file)
    async with running(second) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert len((await client.get("/messages")).json()) == 1
    assert file.stat().st_mode & 0o777 == 0o600
