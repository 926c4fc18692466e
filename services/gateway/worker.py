"""The gateway's background loops. Each is safe to run twice at once."""

from collections.abc import Sequence
from functools import partial

from services.gateway.clients.smtp import MailServer
from services.gateway.events.billing import reader
from services.gateway.service import Gateway
from services.gateway.settings import Settings
from services.gateway.store import sessions
from services.gateway.store.paid_repeats import PaidRepeats
from services.gateway.use_cases.mailing import send_due
from services.gateway.use_cases.tiers import VERIFY_EVERY_SECONDS, verify_due
from shared import changes, idempotency, outbox
from shared.loops import Loop


def loops(service: Gateway) -> Sequence[Loop]:
    """What `serve` runs beside its answers, and `worker` alone."""

    async def forget_ended() -> bool:
        return await sessions.forget_ended(service.database, at=service.clock.real_now())

    return [
        outbox.dispatcher("gateway", service.database, service.redis, every_seconds=1.0, bell=service.news),
        Loop("forget-news", 3600.0, partial(outbox.forget_old, service.database, service.clock)),
        *_mail_loops(service),
        reader(service),
        Loop("tiers", VERIFY_EVERY_SECONDS, partial(verify_due, service), by_clock=True),
        Loop("forget-changes", 60.0, partial(changes.forget_old, service.database)),
        Loop("forget-sessions", 300.0, forget_ended),
        Loop("forget-paid-repeats", 300.0, PaidRepeats(service.database).forget_old),
        Loop("forget-answers", 300.0, partial(idempotency.forget_old, service.database, service.clock)),
    ]


def _mail_loops(service: Gateway) -> list[Loop]:
    """None without a mail server: what is queued then waits for one."""
    if not service.settings.smtp_host:
        return []
    return [Loop("mail", 1.0, partial(send_due, service, _mail_server(service.settings)), by_clock=True)]


def _mail_server(settings: Settings) -> MailServer:
    return MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        username=settings.smtp_username,
        password=settings.smtp_password.get_secret_value(),
        tls=settings.smtp_tls,
    )
