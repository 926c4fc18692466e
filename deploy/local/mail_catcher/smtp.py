"""Mail in: an SMTP server that says yes to everybody, and the reading of what came (RFC 5321, RFC 5322)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope

from deploy.local.mail_catcher.store import Mail, Store

LARGEST_MAIL = 4 * 1024 * 1024
TIMEOUT_SECONDS = 60


class _Handler:
    """What aiosmtpd calls for each mail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Envelope) -> str:
        content = envelope.content
        assert isinstance(content, bytes)
        for recipient in envelope.rcpt_tos:
            self._store.add(read_mail(content, recipient=recipient, sender=envelope.mail_from or ""))
        return "250 OK"


@asynccontextmanager
async def listening(store: Store, *, host: str, port: int) -> AsyncIterator[int]:
    """Take mail for the length of the block. Yields the port (of the system's choice where 0 was asked)."""
    loop = asyncio.get_running_loop()
    handler = _Handler(store)

    def protocol() -> SMTP:
        return SMTP(
            handler,
            data_size_limit=LARGEST_MAIL,
            enable_SMTPUTF8=True,
            hostname="mail.tollgate.local",
            timeout=TIMEOUT_SECONDS,
            loop=loop,
        )

    server = await loop.create_server(protocol, host, port)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


def read_mail(content: bytes, *, recipient: str, sender: str) -> Mail:
    """The parts of a mail that people read. Nothing that can be wrong with one makes it lost."""
    message = message_from_bytes(content, policy=policy.default)
    return Mail(
        recipient=recipient,
        sender=sender,
        subject=_header(message, "subject") or "",
        text=_part(message, "plain") or "",
        html=_part(message, "html"),
        message_id=_header(message, "message-id"),
    )


def _header(message: EmailMessage, name: str) -> str | None:
    try:
        value = message[name]
    except (ValueError, IndexError, AttributeError):  # a malformed header
        return None
    return None if value is None else _shown(str(value))


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        text = part.get_content()
    except (LookupError, ValueError):  # an unknown character set
        payload = part.get_payload(decode=True)
        text = payload.decode("latin-1") if isinstance(payload, bytes) else ""
    return _shown(text.replace("\r\n", "\n"))


def _shown(text: str) -> str:
    """Without what neither JSON nor SQLite can hold."""
    return text.encode("utf-8", "replace").decode()
