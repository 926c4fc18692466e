"""What customers are mailed of payments that were held: the page on which an approved one is paid, and that one was
rejected."""

from datetime import datetime

from services.billing.domain.payment import CREDITS, Payment
from services.billing.domain.payment_story.amounts import credits_text, money_text
from shared import mails
from shared.db import Connection


async def mail_approved(connection: Connection, payment: Payment, *, at: datetime) -> None:
    """Where it can be paid, and until when."""
    assert payment.checkout_url is not None
    values = {
        "amount": _amount(payment),
        "checkout_url": payment.checkout_url,
        "until": f"{payment.expires_at:%-d %B %Y, %H:%M} UTC",
    }
    message_id = f"{payment.id}:payment_approved"
    await mails.enqueue(connection, message_id, payment.account_id, "payment_approved", values, at=at)


async def mail_rejected(connection: Connection, payment: Payment, *, at: datetime) -> None:
    """That it will not be made."""
    message_id, values = f"{payment.id}:payment_rejected", {"amount": _amount(payment)}
    await mails.enqueue(connection, message_id, payment.account_id, "payment_rejected", values, at=at)


def _amount(payment: Payment) -> str:
    """What it was about, to complete "your payment for"."""
    return credits_text(payment.millicredits) if payment.type == CREDITS else money_text(payment.amount)
