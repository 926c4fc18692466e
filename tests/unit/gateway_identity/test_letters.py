"""Letters: each template with the values that it declares, in text and in HTML."""

from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from services.gateway.clients import letters
from services.gateway.clients.letters import SUBJECTS, Sender, letter, needed_values
from services.gateway.settings import Settings
from shared.contracts import mails
from tests.support import keys

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
TEMPLATES = sorted(SUBJECTS)
FOLDER = Path(letters.__file__).parent.parent / "mail_templates"


ADDRESSES: dict[str, Any] = {"database_url": "postgresql://t@127.0.0.1/t", "redis_url": "redis://127.0.0.1"}
SENDER = Sender("Tollgate <noreply@tollgate.example>")


def made(template: str, *, sender: Sender = SENDER, **said: str) -> EmailMessage:
    """A letter whose other values are named for what they are."""
    values = {name: f"the-{name}" for name in needed_values(template)} | said
    return letter(
        template,
        values,
        mail_id="mail_1",
        sender=sender,
        recipient="ada@example.com",
        public_url="https://tollgate.example",
        at=AT,
    )


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


def test_every_template_that_siblings_may_name_has_a_letter_and_no_file_lies_about() -> None:
    assert set(mails.VALUES) < set(SUBJECTS)
    assert {file.name for file in FOLDER.iterdir()} == {
        "letter.html",
        *(f"{template}.{kind}" for template in SUBJECTS for kind in ("txt", "html")),
    }


@pytest.mark.parametrize("template", TEMPLATES)
def test_letter_says_each_of_its_values_in_text_and_html(template: str) -> None:
    message = made(template)
    branches = {"reason", "failure", "most", "next_try", "until"}  # said in words, or not in every case
    for kind in ("plain", "html"):
        said = part(message, kind)
        for name in needed_values(template) - branches:
            assert f"the-{name}" in said
        assert "{" not in said.replace('{"license_key"', "") and "None" not in said


@pytest.mark.parametrize("template", TEMPLATES)
def test_values_are_escaped_in_html_and_stay_as_they_are_in_text(template: str) -> None:
    message = made(template, name='<script>alert("x")</script>&')
    assert "<script" not in part(message, "html") and "&lt;script&gt;" in part(message, "html")
    assert '<script>alert("x")</script>&' in part(message, "plain")


@pytest.mark.parametrize("template", TEMPLATES)
def test_nothing_is_loaded_and_no_reading_is_told(template: str) -> None:
    html = part(made(template), "html").lower()
    assert not any(loader in html for loader in ("<img", "<script", "<link", "<iframe", "src=", "url(", "@import"))


@pytest.mark.parametrize("template", TEMPLATES)
def test_missing_and_unknown_values_are_errors(template: str) -> None:
    values = dict.fromkeys(needed_values(template), "x")
    for wrong in ({**values, "more": "x"}, {name: "x" for name in values if name != "name"}):
        with pytest.raises(AssertionError, match=template):
            letter(template, wrong, mail_id="m", sender=SENDER, recipient="c@d.example", public_url="", at=AT)


@pytest.mark.parametrize("template", TEMPLATES)
def test_seller_is_named_and_answers_go_where_they_are_read(template: str) -> None:
    named = made(template, sender=replace(SENDER, seller="Acme & Sons", reply_to="help@acme.example"))
    plain = made(template)
    assert named["Subject"] == f"Acme & Sons: {plain['Subject']}"
    assert named["Reply-To"] == "help@acme.example" and plain["Reply-To"] is None
    assert part(named, "plain") == f"{part(plain, 'plain')}\nAcme & Sons\n"
    assert "<p>Acme &amp; Sons</p>" in part(named, "html")


def test_welcome_says_how_often_a_floating_license_needs_a_heartbeat() -> None:
    for kind in ("plain", "html"):
        said = part(made("license_welcome", heartbeat="15 minutes"), kind)
        assert "every 15 minutes" in said and "/api/v1/licenses/heartbeat" in said
        assert "heartbeat" not in part(made("license_welcome", heartbeat=""), kind)


def test_welcome_bears_the_key_on_a_line_of_its_own() -> None:
    key = "LK-" + "0123456789abcdef" * 20
    message = made("license_welcome", license_key=key)
    assert key in part(message, "plain").splitlines()
    assert f">{key}</pre>" in part(message, "html")
    assert "https://tollgate.example/docs" in part(message, "plain")
    assert "/api/v1/licenses/validate" in part(message, "plain")
    assert "/api/v1/licenses/activate" in part(message, "plain")
    assert key not in message["Subject"]


@pytest.mark.parametrize(("failure", "says"), [("1", "until 1 May"), ("2", "until 1 May"), ("3", "suspended until")])
def test_failed_payment_says_which_and_what_happens_next(failure: str, says: str) -> None:
    message = made(
        "payment_failed", failure=failure, most="3", until="1 May", next_try="27 April", pay_link="https://pay/1?a&b"
    )
    text = " ".join(part(message, "plain").split())
    assert f"try {failure} of 3" in text and says in text and "https://pay/1?a&b" in text
    assert "again on 27 April" in text
    assert f"(try {failure})" in message["Subject"]
    assert 'href="https://pay/1?a&amp;b"' in part(message, "html")


def test_failed_payment_says_why_where_that_is_known() -> None:
    assert "License: the card has expired. This was" in part(
        made("payment_failed", plan="License", failure="1", until="", why="the card has expired"), "plain"
    )
    values = dict.fromkeys(needed_values("payment_failed") - {"why"}, "1")
    for wanted in (values, {**values, "why": ""}):
        assert mails.complete("payment_failed", wanted).keys() == needed_values("payment_failed")


def test_failed_payment_of_what_has_stopped_promises_no_more_days() -> None:
    text = part(made("payment_failed", failure="2", most="3", until="", next_try=""), "plain")
    assert "is suspended until" in text and "goes on working" not in text and "try again" not in text


def test_failed_payment_past_the_last_that_counts_says_no_such_thing_as_four_of_three() -> None:
    text = part(made("payment_failed", failure="4", most="3", until=""), "plain")
    assert "This was try 4." in text and "suspended" in text


def test_failed_payment_without_a_page_tells_to_save_a_card() -> None:
    assert "Save a card" in part(made("payment_failed", failure="1", pay_link="", next_try="", until=""), "plain")


@pytest.mark.parametrize("template", ["renewal_upcoming", "trial_ending"])
@pytest.mark.parametrize("kind", ["plain", "html"])
def test_who_cancels_is_told_how_to_keep_what_is_paid(template: str, kind: str) -> None:
    assert "at_period_end" in part(made(template), kind)


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("payment_failed", "too often in a row. Until"),
        ("grace_over", "not paid in time. Until"),
        ("dispute", "disputed with your bank. Until"),
        ("paused", "Resume the subscription"),
        ("operator", "is suspended. Until"),
    ],
)
def test_suspension_says_why(reason: str, says: str) -> None:
    assert says in " ".join(part(made("subscription_suspended", reason=reason), "plain").split())


@pytest.mark.parametrize(
    ("reason", "until", "says"),
    [
        ("canceled", "1 May", "it ends on 1 May"),
        ("canceled", "", "Plan has ended. Your"),
        ("refunded", "", "Plan has ended, because its payment was refunded. Your"),
        ("dispute_lost", "", "Plan has ended, because your bank took its payment back. Your"),
        ("license_revoked", "", "Plan has ended, because its license was revoked. Your"),
    ],
)
def test_cancellation_says_when_and_why(reason: str, until: str, says: str) -> None:
    message = made("subscription_canceled", plan="Plan", reason=reason, until=until)
    assert says in " ".join(part(message, "plain").split())


def test_subject_stays_one_line_and_the_message_id_the_same() -> None:
    message = made("subscription_suspended", plan="Two\r\nBcc: evil@example.com")
    assert message["Subject"] == "Two Bcc: evil@example.com is suspended" and message["Bcc"] is None
    assert message["Message-ID"] == "<mail_1@tollgate.example>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mail_reply_to", "help"),
        ("mail_reply_to", "a@b.example\r\nBcc: c@d.example"),
        ("seller_name", "Acme\nBcc: c@d.example"),
    ],
)
def test_settings_of_mails_hold_no_second_header(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings(**{**ADDRESSES, **keys.environment("gateway"), name: value})
