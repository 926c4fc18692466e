"""Answers that bear a signature (`domain.answer_signature`), and say which question they answer."""

from collections.abc import Mapping
from typing import Annotated, NotRequired

from fastapi import Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from services.licensing.api.guards import licensing_of
from services.licensing.domain.answer_signature import NONCE, content_digest, signed_headers
from services.licensing.use_cases.signing import active_key
from shared.doors.answers import encode

NonceField = Annotated[str, Field(pattern=NONCE)]
"""The caller's own, drawn for one question. It comes back in the answer's signature."""


class SignedView(TypedDict):
    """`request_digest` (as `Content-Digest` has it) is of the request's body: with it the signature says which question
    was answered."""

    request_digest: str
    nonce: NotRequired[str]


def question_of(request: Request, nonce: str | None) -> SignedView:
    """What an answer says of its question."""
    said: SignedView = {"request_digest": content_digest(request.state.body)}
    if nonce is not None:
        said["nonce"] = nonce
    return said


async def signed_answer(
    request: Request, content: SignedView, headers: Mapping[str, str] | None = None, *, nonce: str | None
) -> Response:
    """200 with the content, signed by the key that signs now."""
    licensing = licensing_of(request)
    body = encode(content)
    key = await active_key(licensing)
    signature = signed_headers(key.sign, kid=key.kid, status=200, body=body, nonce=nonce, at=licensing.clock.real_now())
    return Response(body, 200, {**(headers or {}), **signature}, media_type="application/json")
