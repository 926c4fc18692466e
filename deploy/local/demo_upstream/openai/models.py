"""`GET /v1/models`: two names to choose from, though any name is taken. Anthropic's shape for its clients."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.demo_upstream.bodies import Json
from deploy.local.demo_upstream.openai.usage import headers

NAMES = ("demo-small", "demo-large")
CREATED = 1_735_689_600
CREATED_AT = "2025-01-01T00:00:00Z"


async def list_models(request: Request) -> Response:
    if "anthropic-version" in request.headers:
        data = [_anthropic(name) for name in NAMES]
        return JSONResponse({"data": data, "has_more": False, "first_id": NAMES[0], "last_id": NAMES[-1]})
    return JSONResponse({"object": "list", "data": [_openai(name) for name in NAMES]}, headers=headers())


async def get_model(request: Request) -> Response:
    name = str(request.path_params["name"])
    is_anthropic = "anthropic-version" in request.headers
    return JSONResponse(_anthropic(name) if is_anthropic else _openai(name))


def _openai(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "demo"}


def _anthropic(name: str) -> Json:
    return {"type": "model", "id": name, "display_name": name, "created_at": CREATED_AT}


ROUTES = [
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{name}", get_model, methods=["GET"]),
]
