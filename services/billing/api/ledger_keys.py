"""GET /api/v1/ledger/public-keys: what checks the signatures of the ledger's checkpoints. Anybody may know it."""

import base64
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from services.billing.api.guards import billing_of
from shared.doors import StrictRoute, answer

router = APIRouter(route_class=StrictRoute, tags=["credits"])


class PublicKeyView(TypedDict):
    """`public_key` is base64 of 32 bytes."""

    kid: str
    alg: Literal["ed25519"]
    public_key: str


class PublicKeysView(TypedDict):
    data: list[PublicKeyView]


@router.get("/api/v1/ledger/public-keys", response_model=PublicKeysView, summary="List the keys that sign the ledger")
async def list_public_keys(request: Request) -> Response:
    """Today's first, then those that were retired; a checkpoint names its key by `kid`."""
    keys = billing_of(request).settings.seal_signer.public_keys
    return answer(
        {
            "data": [
                {"kid": kid, "alg": "ed25519", "public_key": base64.b64encode(key).decode()}
                for kid, key in keys.items()
            ]
        },
        headers={"Cache-Control": "public, max-age=300"},
    )
