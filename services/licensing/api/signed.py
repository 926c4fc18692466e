"""Answers that bear a signature (`domain.answer_signature`)."""

from collections.abc import Mapping

from starlette.responses import Response

from services.licensing.domain.answer_signature import signed_headers
from services.licensing.service import Licensing
from services.licensing.use_cases.signing import active_key
from shared.doors.answers import encode


async def signed_answer(
    licensing: Licensing, content: object, headers: Mapping[str, str], *, nonce: str | None
) -> Response:
    """200 with the content, signed by the key that signs now."""
    body = encode(content)
    key = await active_key(licensing)
    signature = signed_headers(key.sign, kid=key.kid, status=200, body=body, nonce=nonce, at=licensing.clock.real_now())
    return Response(body, 200, {**headers, **signature}, media_type="application/json")
