"""Reading a provider's JSON: bounded, and with errors that name the field."""

from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from deploy.local.demo_upstream.errors import ApiError

LARGEST_BODY = 16 * 1024 * 1024

Json = dict[str, Any]


async def read_object(request: Request) -> Json:
    """The request's JSON object."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST_BODY:
                raise ApiError("The request is larger than 16 MiB.", status=413)
        value = orjson.loads(bytes(body))
    except (orjson.JSONDecodeError, ClientDisconnect) as error:
        raise ApiError("We could not parse the JSON body of your request.") from error
    if not isinstance(value, dict):
        raise ApiError("The body of the request must be a JSON object.")
    return value


def required_text(body: Json, name: str) -> str:
    value = body.get(name)
    if value is None:
        raise ApiError(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if not isinstance(value, str) or not value:
        raise wrong_type(name, "a string that is not empty")
    return value


def optional_count(body: Json, name: str, *, least: int = 1, most: int = 1_000_000) -> int | None:
    """A whole number within bounds, or None where the field is absent or null."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise wrong_type(name, f"an integer from {least} to {most}")
    return value


def flag(body: Json, name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise wrong_type(name, "a boolean")
    return bool(value)


def stops(body: Json, name: str) -> list[str]:
    """The sequences that end a reply: a string or a list of them."""
    value = body.get(name)
    listed = [value] if isinstance(value, str) else (value or [])
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise wrong_type(name, "a string or an array of strings")
    return listed


def messages(body: Json, name: str = "messages") -> list[str]:
    """The text of each message, in order; parts that are no text count as nothing."""
    listed = body.get(name)
    if listed is None:
        raise ApiError(f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    if not isinstance(listed, list) or not listed:
        raise wrong_type(name, "an array that is not empty")
    return [_message(one, f"{name}[{index}]") for index, one in enumerate(listed)]


def _message(message: object, where: str) -> str:
    if not isinstance(message, dict):
        raise wrong_type(where, "an object")
    if not isinstance(message.get("role"), str):
        raise wrong_type(f"{where}.role", "a string")
    return text_of(message.get("content"), f"{where}.content")


def text_of(content: object, where: str) -> str:
    """The text of a message's content: a string, null, or an array of parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise wrong_type(where, "a string or an array of objects")
    return "".join(part["text"] for part in content if isinstance(part.get("text"), str))


def wrong_type(name: str, wanted: str) -> ApiError:
    return ApiError(f"Invalid value for '{name}': expected {wanted}.", param=name, code="invalid_type")
