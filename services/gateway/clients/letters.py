"""Mails as text and simple HTML, from the templates in `mail_templates/`. Values are escaped; links bear PUBLIC_URL.
Nothing is loaded from anywhere, and nobody is told that a mail was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.contracts import mails

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "mail_templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TOKEN_PATHS = {"verify_email": "/verify-email", "reset_password": "/password-reset"}
"""Where the links lead that bear a token."""

SUBJECTS: Mapping[str, str] = {
    "verify_email": "Confirm your email address",
    "reset_password": "Set a new password",
    "license_welcome": "Your license key for {plan}",
    "subscription_renewed": "{plan} is renewed until {until}",
    "renewal_upcoming": "{plan} renews on {renews_on}",
    "payment_failed": "Your payment for {plan} failed (try {failure})",
    "subscription_suspended": "{plan} is suspended",
    "subscription_restored": "{plan} works again",
    "subscription_goes_on": "{plan} goes on",
    "subscription_canceled": "{plan} is canceled",
    "trial_ending": "Your trial of {plan} ends on {ends_on}",
    "top_up_stopped": "Your automatic top-up has stopped",
    "top_up_needs_you": "Your bank asks you to confirm a top-up",
    "payment_approved": "Your payment can go on",
    "payment_rejected": "Your payment was not accepted",
}
"""What each template's mail is headed, with its values."""


def needed_values(template: str) -> frozenset[str]:
    """What a template says: the account's name, and either a link's token or what siblings declare."""
    declared = frozenset({"token"}) if template in _TOKEN_PATHS else mails.VALUES[template]
    return declared | {"name"}


@dataclass(frozen=True, slots=True)
class Sender:
    """From whom mails come. `seller` heads their subjects and closes them, `reply_to` is where answers go; each may be
    empty."""

    address: str
    seller: str = ""
    reply_to: str = ""


def letter(
    template: str,
    values: Mapping[str, str],
    *,
    mail_id: str,
    sender: Sender,
    recipient: str,
    public_url: str,
    at: datetime,
) -> EmailMessage:
    """The mail of a template. Its Message-ID is the same however often it is sent."""
    values = mails.complete(template, values)
    assert values.keys() == needed_values(template), f"{template} needs {sorted(needed_values(template))}"
    subject = _subject(template, values, sender.seller)
    said = {**values, "public_url": public_url, "subject": subject, "seller": sender.seller}
    if template in _TOKEN_PATHS:
        said["link"] = f"{public_url}{_TOKEN_PATHS[template]}?{urlencode({'token': values['token']})}"
    message = EmailMessage()
    message["From"] = sender.address
    message["To"] = recipient
    if sender.reply_to:
        message["Reply-To"] = sender.reply_to
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@{parseaddr(sender.address)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    closing = f"\n{sender.seller}\n" if sender.seller else ""
    message.set_content(_TEMPLATES.get_template(f"{template}.txt").render(said) + closing)
    message.add_alternative(_TEMPLATES.get_template(f"{template}.html").render(said), subtype="html")
    return message


def _subject(template: str, values: Mapping[str, str], seller: str) -> str:
    """On one line, whatever the values hold."""
    subject = " ".join(SUBJECTS[template].format_map(values).split())
    return f"{seller}: {subject}" if seller else subject
