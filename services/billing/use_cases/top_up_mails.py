"""What customers are mailed of their automatic top-ups: that theirs has stopped, and that a bank asks for them."""

from collections.abc import Mapping
from datetime import datetime

from services.billing.domain.payment import Payment
from services.billing.domain.top_up import AutoTopUp, Stopped
from services.billing.store import top_ups
from shared import mails
from shared.db import Connection
from shared.money import MILLICREDITS_PER_CREDIT

_BECAUSE: Mapping[Stopped, str] = {
    "declined": "your card was declined too often in a row",
    "no_card": "no card is saved that could be charged",
    "blocked": "the purchase was not accepted",
    "refunded": "credits that you had bought were refunded",
    "disputed": "one of your payments is disputed",
}


async def save_setting(connection: Connection, before: AutoTopUp, setting: AutoTopUp, *, at: datetime) -> None:
    """Save what a setting has become, its row being locked, and mail the customer where it has just stopped. One that
    is as it was is left alone."""
    if setting == before:
        return
    await top_ups.save(connection, setting, at=at)
    if setting.stopped is None or setting.stopped == before.stopped:
        return
    message_id = f"{setting.account_id}:top_up_stopped:{at:%Y-%m-%dT%H:%M:%S.%fZ}"
    values = {"amount": _credits(setting.amount), "reason": _BECAUSE[setting.stopped]}
    await mails.enqueue(connection, message_id, setting.account_id, "top_up_stopped", values, at=at)


async def mail_link(connection: Connection, payment: Payment, *, at: datetime) -> None:
    """Mail the customer the page on which the bank wants a top-up confirmed."""
    assert payment.checkout_url is not None
    values = {"amount": _credits(payment.millicredits), "link": payment.checkout_url}
    message_id = f"{payment.id}:top_up_needs_you"
    await mails.enqueue(connection, message_id, payment.account_id, "top_up_needs_you", values, at=at)


def _credits(millicredits: int) -> str:
    return f"{millicredits // MILLICREDITS_PER_CREDIT:,} credits"
