"""For whom the gateway speaks to its siblings."""

from services.gateway.domain.account import Identity
from shared.service_auth import Caller


def claims_for(
    identity: Identity,
    *,
    scopes: tuple[str, ...] = (),
    ip: str | None = None,
    user_agent: str | None = None,
    session_hash: str | None = None,
) -> Caller:
    """The caller that a service token names: an account's session (no scopes), or its key with the key's scopes."""
    return Caller(
        account_id=identity.account_id,
        role=identity.role,
        tier=identity.tier,
        status=identity.status,
        credit_limit_minor=identity.credit_limit_minor,
        email_hash=identity.email_hash,
        domain_hash=identity.domain_hash,
        mailbox_hash=identity.mailbox_hash,
        scopes=scopes,
        ip=ip,
        user_agent=user_agent,
        session_hash=session_hash,
    )
