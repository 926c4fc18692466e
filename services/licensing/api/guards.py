"""Who is asking, judged before the body is read."""

from fastapi import Request

from services.licensing.domain.license import License
from services.licensing.service import Licensing
from services.licensing.use_cases.licenses import find_license
from shared.audit import Actor
from shared.doors import refuses
from shared.errors import DomainError
from shared.service_auth import Caller, caller_required


def licensing_of(request: Request) -> Licensing:
    licensing: Licensing = request.app.state.service
    return licensing


def caller_of(request: Request) -> Caller:
    """The account that a guard let in."""
    caller: Caller = request.state.caller
    return caller


def actor_of(request: Request) -> Actor:
    """The same with the request, for the audit trail."""
    return Actor(caller_of(request).account_id, request.state.request_id)


def license_of(request: Request) -> License:
    """The license that a guard found."""
    license: License = request.state.license
    return license


@refuses("unauthenticated", "session_required", "account_suspended")
async def active_caller_required(request: Request) -> None:
    """Guard: an account that may write. A suspended one may only read."""
    await caller_required(request)
    if caller_of(request).status == "suspended":
        raise DomainError("account_suspended", "This account is suspended: it can read, and change nothing.")


@refuses("not_found")
async def own_license(request: Request) -> None:
    """Guard: the license of the path is the caller's, also where the caller is an operator."""
    licensing, account_id = licensing_of(request), caller_of(request).account_id
    request.state.license = await find_license(licensing, request.path_params["license_id"], account_id=account_id)


@refuses("not_found")
async def known_license(request: Request) -> None:
    """Guard, behind `operator_required`: the license of the path exists."""
    licensing = licensing_of(request)
    request.state.license = await find_license(licensing, request.path_params["license_id"], account_id=None)
