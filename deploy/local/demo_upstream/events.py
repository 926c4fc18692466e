"""Server-sent events, as each provider frames them."""

from collections.abc import AsyncIterator, Mapping

import orjson
from starlette.responses import StreamingResponse

_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def data_event(data: object) -> bytes:
    """OpenAI's frame: data alone."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


def named_event(data: Mapping[str, object]) -> bytes:
    """Anthropic's frame, and that of OpenAI's responses: the type is named before the data."""
    return b"event: " + str(data["type"]).encode() + b"\n" + data_event(data)


def stream(events: AsyncIterator[bytes], headers: Mapping[str, str]) -> StreamingResponse:
    return StreamingResponse(events, media_type="text/event-stream", headers={**_HEADERS, **headers})
