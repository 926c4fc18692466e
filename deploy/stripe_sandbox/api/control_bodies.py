"""Bodies of the sandbox's own controls: flat JSON objects, read strictly."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deploy.stripe_sandbox.bodies import read_object
from deploy.stripe_sandbox.domain.errors import StripeError, error_body

_MAX_BYTES = 1 << 16


async def read_json(request: Request) -> dict[str, Any]:
    return await read_object(request, _MAX_BYTES)


def whole(body: dict[str, Any], name: str, *, least: int, most: int, default: int | None = None) -> int:
    number = body.get(name, default)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise StripeError(f"{name} must be a whole number from {least} to {most}.", param=name)
    return number


def word(body: dict[str, Any], name: str, words: tuple[str, ...], *, default: str | None = None) -> str:
    found = body.get(name, default)
    if not isinstance(found, str) or found not in words:
        raise StripeError(f"{name} must be one of {', '.join(words)}.", param=name)
    return found


def text(body: dict[str, Any], name: str) -> str:
    found = body.get(name)
    if not isinstance(found, str):
        raise StripeError(f"{name} must be text.", param=name)
    return found


def flag(body: dict[str, Any], name: str) -> bool:
    """False where it is absent."""
    found = body.get(name, False)
    if not isinstance(found, bool):
        raise StripeError(f"{name} must be true or false.", param=name)
    return found


def only(body: dict[str, Any], *known: str) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise StripeError(f"Unknown: {', '.join(unknown)}. Known: {', '.join(known)}.", param=unknown[0])


def refused(refusal: StripeError) -> Response:
    return JSONResponse(error_body(refusal.message, param=refusal.param), status_code=refusal.status)
