"""Mails as text and simple HTML, from the templates in `mail_templates/`. Values are escaped; links bear PUBLIC_URL."""

from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from pathlib import Path
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "mail_templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    keep_trailing_newline=True,
)
_LETTERS = {
    "verify_email": ("Confirm your email address", "/verify-email"),
    "reset_password": ("Set a new password", "/password-reset"),
}


def letter(
    template: str,
    values: Mapping[str, str],
    *,
    mail_id: str,
    sender: str,
    recipient: str,
    public_url: str,
    at: datetime,
) -> EmailMessage:
    """The mail of a template. Its Message-ID is the same however often it is sent."""
    subject, path = _LETTERS[template]
    link = f"{public_url}{path}?{urlencode({'token': values['token']})}"
    said = {"name": values["name"], "link": link}
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(_TEMPLATES.get_template(f"{template}.txt").render(said))
    message.add_alternative(_TEMPLATES.get_template(f"{template}.html").render(said), subtype="html")
    return message
