"""OpenAI's `usage` object, and the headers that come with every answer."""

from deploy.local.demo_upstream.bodies import Json
from deploy.local.demo_upstream.ids import new_id


def usage(prompt_tokens: int, completion_tokens: int) -> Json:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def headers() -> dict[str, str]:
    return {"x-request-id": new_id("req_"), "openai-version": "2020-10-01", "openai-processing-ms": "1"}
