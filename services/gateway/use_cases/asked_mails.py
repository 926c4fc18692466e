"""Mail that siblings ask for: to whom it goes is looked up here, for addresses are the gateway's alone."""

from collections.abc import Mapping

from services.gateway.service import Gateway
from services.gateway.store import accounts, mail, mails_asked
from services.gateway.store.mails_asked import Asked
from shared.errors import NotFound


async def ask_for_mail(gateway: Gateway, asked: Asked, values: Mapping[str, str]) -> None:
    """Queue it, once for each message id of a service's. Raises NotFound where there is no such account."""
    at = gateway.clock.real_now()
    async with gateway.database.transaction() as connection:
        account = await accounts.get(connection, gateway.vault, asked.account_id)
        if account is None:
            raise NotFound("account")
        if not await mails_asked.note(connection, asked, at=at):
            return
        await mail.enqueue(
            connection,
            gateway.vault,
            account_id=asked.account_id,
            template=asked.template,
            recipient=account.email,
            values={**values, "name": account.name or ""},
            at=at,
            mail_id=asked.mail_id,
        )
