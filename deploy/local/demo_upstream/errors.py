"""Refusals, in the shape of the provider whose path was called."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.local.demo_upstream.ids import new_id

_TYPES = {404: "not_found_error", 413: "request_too_large"}


class ApiError(Exception):
    """A request that the provider would refuse. `param` names the field, `code` is OpenAI's."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.param = param
        self.code = code


async def by_path(request: Request, error: Exception) -> Response:
    """Anthropic's shape under `/v1/messages`, OpenAI's elsewhere."""
    refusal = error if isinstance(error, ApiError) else _of_the_router(request, error)
    if "/v1/messages" in request.url.path:
        return _anthropic(refusal)
    return _openai(refusal)


def _of_the_router(request: Request, error: Exception) -> ApiError:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        return ApiError(f"Method {request.method} is not allowed here.", status=405)
    # The path is repeated in JSON, never in a page.
    message = f"Unknown request URL: {request.method} {request.url.path}."
    return ApiError(message, status=status, code="unknown_url")


def _openai(error: ApiError) -> Response:
    content = {
        "error": {
            "message": error.message,
            "type": "invalid_request_error",
            "param": error.param,
            "code": error.code,
        }
    }
    return JSONResponse(content, error.status, headers={"x-request-id": new_id("req_")})


def _anthropic(error: ApiError) -> Response:
    kind = _TYPES.get(error.status, "invalid_request_error")
    message = f"{error.param}: {error.message}" if error.param else error.message
    request_id = new_id("req_")
    content = {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}
    return JSONResponse(content, error.status, headers={"request-id": request_id})
