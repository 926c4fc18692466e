"""An API that is sold, for a machine without one: a stand-in for a model provider, and an echo.

It is what the seeded routes `demo` (`/demo`) and `echo` (`/echo`) lead to, and knows nothing of Tollgate: no key is
asked for, nothing is stored. Its answers are made from the request alone, so the same prompt costs the same.

- `/demo/v1/...`: OpenAI's chat completions, completions, embeddings, responses and models; Anthropic's messages and
  token count. Streamed or not, any model name.
- `/echo/...`: answers what it was sent, and misbehaves on request (`/bytes/{n}`, `/delay/{ms}`, `/status/{code}`,
  `/stream/{chunks}`, `/units/{n}`, `/drop`).
- `GET /ping`, and `GET /calls`: how many requests came, by path, so that a test can prove that a refused call never
  reached the upstream.
"""
