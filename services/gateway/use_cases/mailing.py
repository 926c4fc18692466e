"""Mail is sent: at least once, with a Message-ID that stays, so that a doubled one is seen as one."""

from datetime import timedelta

from prometheus_client import Counter

from services.gateway.clients.letters import Sender, letter
from services.gateway.clients.smtp import MailRefused, MailServer
from services.gateway.service import Gateway
from services.gateway.store import mail
from services.gateway.use_cases.mailed_links import mail_reset
from shared.telemetry import REGISTRY, logger

PAGE = 20
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)

SENT = Counter("tollgate_letters_total", "Mails sent by this process, or not.", ["outcome"], registry=REGISTRY)


async def send_due(gateway: Gateway, server: MailServer) -> bool:
    """Send a page of what is due; whether there may be more. Several senders at once take different mails."""
    due = await mail.claim_due(gateway.database, gateway.vault, at=gateway.clock.real_now(), limit=PAGE)
    for one in due:
        await _send(gateway, server, one)
    return len(due) == PAGE


async def _send(gateway: Gateway, server: MailServer, one: mail.Mail) -> None:
    try:
        if one.template == "reset_requested":
            await mail_reset(gateway, one.recipient)
        else:
            await _hand_over(gateway, server, one)
    except MailRefused as error:
        await _postpone(gateway, one, str(error))
    else:
        await mail.delete(gateway.database, one.id)
        SENT.labels("sent").inc()


async def _hand_over(gateway: Gateway, server: MailServer, one: mail.Mail) -> None:
    settings = gateway.settings
    message = letter(
        one.template,
        _values_of(one),
        mail_id=one.id,
        sender=Sender(settings.mail_from, settings.seller_name, settings.mail_reply_to),
        recipient=one.recipient,
        public_url=settings.public_url,
        at=gateway.clock.real_now(),
    )
    await server.send(message)


def _values_of(one: mail.Mail) -> dict[str, str]:
    """A welcome that waits since an earlier version says nothing of heartbeats."""
    return {"heartbeat": "", **one.values} if one.template == "license_welcome" else one.values


async def _postpone(gateway: Gateway, one: mail.Mail, error: str) -> None:
    """Later again, at growing pauses; given up after `MOST_ATTEMPTS`."""
    if one.attempts >= mail.MOST_ATTEMPTS:
        logger.error("mail_given_up", mail=one.id, template=one.template, error=error)
        SENT.labels("given_up").inc()
        await mail.delete(gateway.database, one.id)
        return
    SENT.labels("postponed").inc()
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(one.attempts - 1, 10))
    logger.warning("mail_postponed", mail=one.id, template=one.template, error=error)
    await mail.postpone(gateway.database, one.id, until=gateway.clock.real_now() + pause, error=error)
