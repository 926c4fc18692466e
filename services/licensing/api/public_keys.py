"""GET /api/v1/licenses/public-keys: what checks license files and signed answers. Anybody may know it."""

import base64
from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.licensing.use_cases.signing import list_keys
from shared.doors import StrictRoute, answer

router = APIRouter(route_class=StrictRoute, tags=["licenses"])


class LicensePublicKeyView(TypedDict):
    """`public_key` is base64 of 32 bytes. It signs from `not_before` on, before `retired_at`."""

    kid: str
    alg: Literal["ed25519"]
    public_key: str
    not_before: datetime
    retired_at: datetime | None


class LicensePublicKeysView(TypedDict):
    data: list[LicensePublicKeyView]


@router.get(
    "/api/v1/licenses/public-keys",
    response_model=LicensePublicKeysView,
    summary="List the keys that sign license files and answers",
)
async def list_public_keys(request: Request) -> Response:
    """Newest first. One that has not begun is listed before it signs; one that is retired stays listed."""
    keys = await list_keys(request.app.state.service)
    return answer(
        {
            "data": [
                {
                    "kid": key.kid,
                    "alg": "ed25519",
                    "public_key": base64.b64encode(key.public_key).decode(),
                    "not_before": key.not_before,
                    "retired_at": key.retired_at,
                }
                for key in keys
            ]
        },
        headers={"Cache-Control": "public, max-age=300"},
    )
