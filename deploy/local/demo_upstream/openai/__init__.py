"""OpenAI's formats: chat completions, completions, embeddings, responses, models.

Source: OpenAI's API reference. Fields that need a real model (tools, log probabilities, images) are taken and change
nothing.
"""

from starlette.routing import Route

from deploy.local.demo_upstream.openai import chat, completions, embeddings, models, responses

ROUTES: list[Route] = [
    *chat.ROUTES,
    *completions.ROUTES,
    *embeddings.ROUTES,
    *responses.ROUTES,
    *models.ROUTES,
]
