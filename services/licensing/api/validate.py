"""POST /api/v1/licenses/validate: is this key good, for this server, now (L4)? Public; answers are signed."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response

from services.licensing.api.guards import caller_of, licensing_of
from services.licensing.api.signed import NonceField, SignedView, question_of, signed_answer
from services.licensing.api.views import ValidatedView, validated_view
from services.licensing.domain.validation_limit import limit_headers
from services.licensing.domain.verdict import Code
from services.licensing.use_cases.validation import Question, validate
from shared.doors import StrictRoute, Text, Wire, guarded, one_of, refuses
from shared.service_auth import refused, service_required

router = APIRouter(route_class=StrictRoute, tags=["licenses"])

LONGEST_KEY = 4_096
"""Far beyond any way to write one; what is longer than a key can be is MALFORMED."""

Entitlement = Annotated[str, Field(min_length=1, max_length=100)]


class ValidateBody(Wire):
    """Without a `server_id` activations are not judged. `nonce` comes back in the answer's signature."""

    license_key: Annotated[str, Field(max_length=LONGEST_KEY)]
    server_id: Text | None = None
    fingerprint: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    entitlements: Annotated[tuple[Entitlement, ...], Field(strict=False, max_length=100)] = ()
    nonce: NonceField | None = None


class VerdictView(SignedView):
    """`license` is what the key opens, null where it opens nothing. `request_digest` (as `Content-Digest` has it) is of
    the request's body: with it the signature says which question was answered."""

    valid: bool
    code: Annotated[str, one_of(Code)]
    detail: str
    license: ValidatedView | None


async def from_gateway(request: Request) -> None:
    """Guard: anybody's question, brought by the gateway, which alone knows from where."""
    await service_required(request)
    if caller_of(request).account_id != "gateway":
        raise refused()


@router.post("/api/v1/licenses/validate", response_model=VerdictView, summary="Validate a license key")
@guarded(from_gateway)
@refuses("rate_limited", "overloaded", "service_unavailable")
async def validate_key(request: Request, body: ValidateBody) -> Response:
    """200 whatever the verdict. Signed (RFC 9421) over the status and the body's digest by a key of
    `/api/v1/licenses/public-keys`."""
    licensing = licensing_of(request)
    question = Question(
        license_key=body.license_key,
        address=request.headers.get("x-tollgate-caller-ip", ""),
        server_id=body.server_id,
        fingerprint=body.fingerprint,
        entitlements=body.entitlements,
    )
    found = await validate(licensing, question)
    view: VerdictView = {
        "valid": found.verdict.valid,
        "code": found.verdict.code.value,
        "detail": found.verdict.detail,
        "license": None if found.license is None else validated_view(found.license, licensing.clock.now()),
        **question_of(request, body.nonce),
    }
    return await signed_answer(request, view, limit_headers(found.taken), nonce=body.nonce)
