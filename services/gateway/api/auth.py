"""Registration, sign-in and sign-out, and what comes by mail."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.gateway.api.accounts_wire import AccountView, SignedInView, account_out, signed_in_out
from services.gateway.api.guards import address_of, gateway_of, session_even_if_suspended
from services.gateway.domain.account import valid_email
from services.gateway.store.connection import Connection
from services.gateway.use_cases import mailed_links, registration, signing_in
from services.gateway.use_cases.sessions import SignedIn, sign_out
from shared.doors import StrictRoute, Wire, answer, guarded, refuses, takes_idempotency_key
from shared.doors.idempotent import idempotently
from shared.idempotency import Claim

router = APIRouter(route_class=StrictRoute, prefix="/api/v1/auth", tags=["accounts"])

MailedToken = Annotated[str, Field(max_length=200)]


class RegisterBody(Wire):
    """Who wants an account."""

    email: str
    password: str
    name: str | None = None
    country: str | None = None
    device_id: str | None = None


class LoginBody(Wire):
    email: str
    password: str


class VerifyBody(Wire):
    token: MailedToken


class ResetBody(Wire):
    email: str


class ConfirmResetBody(Wire):
    token: MailedToken
    password: str


class VerifiedView(TypedDict):
    account: AccountView


class AcceptedView(TypedDict):
    status: Literal["accepted"]


@router.post("/register", status_code=201, response_model=SignedInView, summary="Make an account and sign in")
@refuses("email_taken", "rate_limited", "service_unavailable")
@takes_idempotency_key
async def register(request: Request, body: RegisterBody) -> Response:
    """With `device_id`, a device that was registered without a session becomes the account's."""
    gateway = gateway_of(request)
    wish = registration.checked_registration(
        email=body.email, password=body.password, name=body.name, country=body.country, device_id=body.device_id
    )

    async def work(claimed: Claim) -> Response:
        async def keep(connection: Connection, signed_in: SignedIn) -> Response:
            return await claimed.keep(connection, 201, signed_in_out(signed_in))

        return await registration.register(gateway, wish, request_id=request.state.request_id, keep=keep)

    return await idempotently(request, gateway.vault.email_lookup(wish.email), work)


@router.post("/login", response_model=SignedInView, summary="Sign in")
@refuses("invalid_credentials", "rate_limited")
async def login(request: Request, body: LoginBody) -> Response:
    signed_in, headers = await signing_in.sign_in(
        gateway_of(request), email=valid_email(body.email), password=body.password, address=address_of(request)
    )
    return answer(signed_in_out(signed_in), headers=headers)


@router.post("/logout", status_code=204, summary="End this session")
@guarded(session_even_if_suspended)
async def logout(request: Request) -> Response:
    await sign_out(gateway_of(request), request.state.session)
    return answer(status=204)


@router.post(
    "/verify-email",
    response_model=VerifiedView,
    summary="Confirm an email address with the token that was mailed to it",
)
async def verify_email(request: Request, body: VerifyBody) -> Response:
    return answer({"account": account_out(await mailed_links.verify_email(gateway_of(request), body.token))})


@router.post(
    "/password-reset",
    status_code=202,
    response_model=AcceptedView,
    summary="Have a mail sent that sets a new password",
)
@refuses("rate_limited")
async def password_reset(request: Request, body: ResetBody) -> Response:
    email = valid_email(body.email)
    await mailed_links.request_reset(gateway_of(request), email, address=address_of(request))
    return answer({"status": "accepted"}, 202)


@router.post("/password-reset/confirm", status_code=204, summary="Set a new password with the mailed token")
async def confirm_password_reset(request: Request, body: ConfirmResetBody) -> Response:
    await mailed_links.reset_password(gateway_of(request), body.token, body.password)
    return answer(status=204)
