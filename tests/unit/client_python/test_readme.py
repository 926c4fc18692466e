"""The README's snippets, one after the other, against a platform that answers and signs."""

import ast
import base64
import json
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.licensing.domain.answer_signature import content_digest, signed_headers
from tests.unit.client_python.signing import CLAIMS, KEY, pinned, signed
from tollgate_client import connection

README = Path(__file__).parents[3] / "clients" / "python" / "README.md"
SNIPPETS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
PAGE = {"data": [{"type": "purchase", "credits": 5000}], "has_more": False, "next": None}


def granted(request: httpx.Request, told: dict[str, Any]) -> httpx.Response:
    """As the platform signs it."""
    asked = json.loads(request.content)
    data = json.dumps({**told, "request_digest": content_digest(request.content)}).encode()
    at = datetime.now(UTC)
    headers = signed_headers(KEY.sign, kid=KEY.kid, status=200, body=data, nonce=asked["nonce"], at=at)
    return httpx.Response(200, content=data, headers=headers)


def licensing(request: httpx.Request, verb: str) -> httpx.Response:
    if verb == "validate":
        license = {"id": CLAIMS.license_id}
        return granted(request, {"code": "VALID", "detail": "The license is valid.", "license": license})
    if verb == "file":
        now = datetime.now(UTC).replace(microsecond=0)
        terms = {"fingerprint": json.loads(request.content)["fingerprint"], "audience": "https://tollgate.example"}
        return httpx.Response(
            201, json={"file": signed(issued_at=now, expires_at=now + timedelta(days=7), **terms, sequence=1)}
        )
    return granted(request, {"activation": {"license_id": CLAIMS.license_id, "active": True}})


def platform(request: httpx.Request) -> httpx.Response:
    path, by_session = request.url.path, request.headers.get("authorization") == "Bearer tgs_1"
    if path.startswith("/api/v1/licenses/"):
        return licensing(request, path.rpartition("/")[2])
    if path == "/proxy/echo/hello":
        return httpx.Response(200, headers={"x-credits-charged": "1"})
    if path == "/proxy/demo/v1/chat/completions":
        return httpx.Response(200, content=b"data: [DONE]\n\n")
    answers = {
        "/api/v1/auth/login": {"token": "tgs_1"},
        "/api/v1/credits": {"available": 0},
        "/api/v1/credits/checkout": {"checkout_url": "https://pay"},
        "/api/v1/credits/transactions": PAGE,
        "/api/v1/auth/api-key": {"key": "tg_live_1"},
    }
    return httpx.Response(200 if by_session or path.endswith("login") else 401, json=answers[path])


async def run(snippet: str, names: dict[str, Any]) -> None:
    code = compile(snippet, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    waiting = eval(code, names)  # noqa: S307 - our own words
    if waiting is not None:
        await waiting


async def test_every_snippet_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    transport = httpx.MockTransport(platform)
    for name in ("Client", "AsyncClient"):
        kind = getattr(httpx, name)
        monkeypatch.setattr(connection.httpx, name, partial(kind, transport=transport))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LICENSE_KEY", "ab" * 128)
    (tmp_path / "machine-id").write_text("8f2c\n")
    keys = [{"kid": kid, "alg": "ed25519", "public_key": base64.b64encode(KEY.public_key).decode()} for kid in pinned()]
    (tmp_path / "public-keys.json").write_text(json.dumps({"data": keys}))
    names: dict[str, Any] = {}
    for snippet in SNIPPETS:
        await run(snippet.replace("/etc/machine-id", "machine-id"), names)
    assert len(SNIPPETS) == 5
    assert (names["verdict"].code, names["verdict"].source) == ("VALID", "file")
    assert (tmp_path / "state" / "high-water").is_file()
    assert capsys.readouterr().out.split("\n")[0] == "VALID: The license is valid."
