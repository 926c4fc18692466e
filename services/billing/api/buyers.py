"""Who pays, of a request that a guard let in."""

from fastapi import Request

from services.billing.api.guards import caller_of
from services.billing.use_cases.judging import Buyer


def buyer_of(request: Request) -> Buyer:
    """The caller with all that fraud may know of him."""
    caller = caller_of(request)
    return Buyer(
        account_id=caller.account_id,
        tier=caller.tier,
        credit_limit_minor=caller.credit_limit_minor,
        ip=caller.ip,
        email_hash=caller.email_hash,
        domain_hash=caller.domain_hash,
        mailbox_hash=caller.mailbox_hash,
        user_agent=caller.user_agent,
        session_hash=caller.session_hash,
    )
