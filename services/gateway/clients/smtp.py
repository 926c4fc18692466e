"""The mail server (RFC 5321), spoken to by aiosmtplib."""

from dataclasses import dataclass
from email.message import EmailMessage

import aiosmtplib

DEADLINE_SECONDS = 20.0


class MailRefused(Exception):
    """The server was away or did not take the mail. Says the kind of failure, not the server's words or an address."""


@dataclass(frozen=True, repr=False)
class MailServer:
    """Where mail goes. It has no repr."""

    host: str
    port: int
    username: str
    password: str
    tls: bool

    async def send(self, message: EmailMessage) -> None:
        """Hand one mail over; MailRefused if that fails. A crash after the server's yes sends it once more."""
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self.username or None,
                password=self.password or None,
                start_tls=self.tls,
                timeout=DEADLINE_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailRefused(type(error).__name__) from None
