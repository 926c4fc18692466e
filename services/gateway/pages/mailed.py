"""Where mailed links lead. Opening one changes nothing, for mail scanners open links too; its button does."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from services.gateway.pages.forms import form_of
from services.gateway.pages.rendering import page
from services.gateway.service import Gateway
from services.gateway.use_cases.mailed_links import reset_password, verify_email
from shared.errors import DomainError
from shared.problems import status_of

router = APIRouter(include_in_schema=False)

Token = Annotated[str, Query(max_length=200)]


@router.get("/verify-email")
async def verify_form(token: Token = "") -> Response:
    return page("verify.html", token=token, problem="")


@router.post("/verify-email")
async def verify(request: Request) -> Response:
    gateway: Gateway = request.app.state.service
    fields = await form_of(request)
    try:
        await verify_email(gateway, fields.get("token", ""))
    except DomainError as refusal:
        return page("verify.html", status=status_of(refusal), token="", problem=refusal.detail)
    return page("done.html", said="Your address is confirmed.")


@router.get("/password-reset")
async def reset_form(token: Token = "") -> Response:
    return page("reset.html", token=token, problem="")


@router.post("/password-reset")
async def reset(request: Request) -> Response:
    gateway: Gateway = request.app.state.service
    fields = await form_of(request)
    token = fields.get("token", "")
    try:
        await reset_password(gateway, token, fields.get("password", ""))
    except DomainError as refusal:
        return page("reset.html", status=status_of(refusal), token=token, problem=refusal.detail)
    return page("done.html", said="Your password is set. Every session was ended; sign in anew.")
