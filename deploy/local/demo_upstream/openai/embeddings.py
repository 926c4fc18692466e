"""`POST /v1/embeddings`: unit vectors that follow from the text, as numbers or as base64 of 32-bit floats."""

import base64
import hashlib
import math
import struct

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.local.demo_upstream import words
from deploy.local.demo_upstream.bodies import Json, optional_count, read_object, required_text, wrong_type
from deploy.local.demo_upstream.openai.usage import headers

DEFAULT_DIMENSIONS = 256
MOST_DIMENSIONS = 3_072
MOST_INPUTS = 2_048


async def create_embeddings(request: Request) -> Response:
    body = await read_object(request)
    model = required_text(body, "model")
    texts = _inputs(body)
    dimensions = optional_count(body, "dimensions", most=MOST_DIMENSIONS) or DEFAULT_DIMENSIONS
    encoding = body.get("encoding_format", "float")
    if encoding not in ("float", "base64"):
        raise wrong_type("encoding_format", "'float' or 'base64'")
    vectors = [_vector(text, dimensions) for text in texts]
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, encoding)}
        for index, vector in enumerate(vectors)
    ]
    tokens = sum(words.count_tokens(text) for text in texts)
    spent = {"prompt_tokens": tokens, "total_tokens": tokens}
    return JSONResponse({"object": "list", "data": data, "model": model, "usage": spent}, headers=headers())


def _inputs(body: Json) -> list[str]:
    value = body.get("input")
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) for one in texts):
        raise wrong_type("input", "a string or an array of strings")
    if len(texts) > MOST_INPUTS:
        raise wrong_type("input", f"at most {MOST_INPUTS} strings")
    return texts


def _vector(text: str, dimensions: int) -> list[float]:
    noise = hashlib.shake_256(text.encode(errors="replace")).digest(dimensions)
    raw = [byte - 127.5 for byte in noise]
    length = math.sqrt(sum(number * number for number in raw))
    return [number / length for number in raw]


def _encoded(vector: list[float], encoding: str) -> list[float] | str:
    if encoding == "float":
        return vector
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


ROUTES = [Route("/v1/embeddings", create_embeddings, methods=["POST"])]
