"""What a request says about its own cost, and the one change that metering makes to it.

A streamed OpenAI completion reports usage only if `stream_options.include_usage` is set; it is set here, textually
where that is possible, so that the rest of the body reaches the upstream byte for byte.
"""

import json
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_to_bytes

from services.gateway.domain.metering.usage import BYTES_PER_TOKEN, count
from shared.errors import DomainError

Format = Literal["auto", "raw", "openai", "anthropic"]

_OVERHEAD_TOKENS = 256
_BOUNDS = ("max_completion_tokens", "max_tokens")
_BOUNDS_OF_RESPONSES = ("max_output_tokens",)
_HAS_INPUT_OF_UNKNOWN_SIZE = (b"image", b"file", b"audio", b"video", b"document", b"previous_response", b"conversation")
_LONGEST_INTEGER = 40
_LARGEST = int("9" * _LONGEST_INTEGER)


@dataclass(frozen=True, slots=True)
class MeteredRequest:
    """`body` is what goes upstream. `most_tokens` bounds input and output together, None where nothing does; `choices`
    is how many answers are asked for at once."""

    body: bytes
    estimated_input: int
    most_tokens: int | None
    is_stream: bool
    hides_usage_event: bool
    choices: int = 1


def read_request(body: bytes, *, path: bytes, route_format: Format) -> MeteredRequest:
    """Look into a buffered request body. One that is no JSON object is forwarded as it is."""
    document = _object(body) if route_format != "raw" else None
    if document is None:
        return MeteredRequest(body, len(body) // BYTES_PER_TOKEN, None, is_stream=False, hides_usage_event=False)
    is_stream = bool(document.get("stream"))  # lenient upstreams take 1 and "true" too
    sent, hides = body, False
    endpoint = _endpoint(path)
    if is_stream and _is_openai_completion(endpoint, route_format):
        sent, hides = _asking_for_usage(body, document)
    most, choices = _most_tokens(body, document, endpoint), count(document.get("n", 1)) or 1
    return MeteredRequest(sent, _estimated_input(document), most, is_stream, hides, choices)


def _object(body: bytes) -> dict[str, Any] | None:
    if not body.lstrip()[:1]:
        return None
    try:
        document = json.loads(body, parse_int=_integer)
    except RecursionError:
        raise DomainError("malformed_json", "The body is nested too deeply to be metered.") from None
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _integer(digits: str) -> int:
    """Of any length: some upstreams read numbers that Python's `int` refuses. Past 40 digits, all are as large."""
    if len(digits) <= _LONGEST_INTEGER:
        return int(digits)
    return -_LARGEST if digits.startswith("-") else _LARGEST


def _endpoint(path: bytes) -> bytes:
    """The path as an upstream may read it, however the caller spelled it."""
    return unquote_to_bytes(path).partition(b";")[0].rstrip(b"/").lower()


def _is_openai_completion(endpoint: bytes, route_format: Format) -> bool:
    """Only chat and text completions know `stream_options`; the responses API reports usage anyway."""
    return route_format in ("auto", "openai") and endpoint.endswith(b"/completions")


def _asking_for_usage(body: bytes, document: dict[str, Any]) -> tuple[bytes, bool]:
    options = document.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        return body, False
    start = body.find(b"{")
    if "stream_options" not in document and body[:start].strip(b" \t\r\n") == b"" and _is_utf8(body):
        return body[: start + 1] + b'"stream_options":{"include_usage":true},' + body[start + 1 :], True
    asked = {**options, "include_usage": True} if isinstance(options, dict) else {"include_usage": True}
    return json.dumps({**document, "stream_options": asked}, separators=(",", ":")).encode(), True


def _is_utf8(body: bytes) -> bool:
    return b"\0" not in body


def _most_tokens(body: bytes, document: dict[str, Any], endpoint: bytes) -> int | None:
    """No token is shorter than a byte, so a text's bytes bound its tokens. An upstream may follow either of two bounds,
    and none that its endpoint does not know. Markers are looked for in what the body says, however it spells it."""
    is_responses = endpoint.endswith(b"/responses")
    bounds = [
        count(document[name])
        for name in (_BOUNDS_OF_RESPONSES if is_responses else _BOUNDS)
        if document.get(name) is not None
    ]
    bound = None if None in bounds else max((one for one in bounds if one is not None), default=0)
    choices = max(count(document.get("n", 1)) or 1, count(document.get("best_of", 1)) or 1)
    said = (
        json.dumps(document, ensure_ascii=False).encode("utf-8", "replace") if b"\\u" in body or b"\0" in body else body
    )
    if bound is None or any(marker in said for marker in _HAS_INPUT_OF_UNKNOWN_SIZE):
        return None
    if bound == 0 and not _is_embedding(document):
        return None
    return len(body) + _OVERHEAD_TOKENS + bound * choices


def _is_embedding(document: dict[str, Any]) -> bool:
    """Embeddings have an input and no output."""
    return (
        "input" in document
        and "messages" not in document
        and ("encoding_format" in document or "dimensions" in document)
    )


def _estimated_input(document: dict[str, Any]) -> int:
    """A low estimate of the input's tokens: its texts, without what is embedded as data."""
    waiting: list[object] = [document.get(name) for name in ("messages", "input", "prompt", "system", "instructions")]
    length = 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            length += 0 if one.startswith("data:") else len(one)
        elif isinstance(one, dict):
            waiting += [value for name, value in one.items() if name not in ("data", "file_data", "type", "role")]
        elif isinstance(one, list):
            length += len(one) * BYTES_PER_TOKEN if one and isinstance(one[0], int) else 0
            waiting += one
    return length // BYTES_PER_TOKEN
