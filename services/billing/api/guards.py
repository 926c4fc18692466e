"""Who is asking, judged before the body is read."""

from fastapi import Request

from services.billing.service import Billing
from shared.audit import Actor
from shared.doors import refuses
from shared.errors import DomainError
from shared.service_auth import Caller, caller_required


def billing_of(request: Request) -> Billing:
    billing: Billing = request.app.state.service
    return billing


def caller_of(request: Request) -> Caller:
    """The account that a guard let in."""
    caller: Caller = request.state.caller
    return caller


def actor_of(request: Request) -> Actor:
    """The same with the request, for the audit trail."""
    return Actor(caller_of(request).account_id, request.state.request_id)


@refuses("unauthenticated", "session_required", "account_suspended")
async def active_caller_required(request: Request) -> None:
    """Guard: an account that may write. A suspended one may only read."""
    await caller_required(request)
    if caller_of(request).status == "suspended":
        raise DomainError("account_suspended", "This account is suspended: it can read, and change nothing.")
