"""What a route takes for a body."""

import httpx
import pytest
from fastapi import FastAPI

from shared.doors import StrictRoute, Wire
from shared.doors.application import install


class Lenient(Wire):
    seconds: int = 0


class Demanding(Wire):
    name: str
    seconds: int = 0


async def lenient(body: Lenient) -> dict[str, int]:
    return {"seconds": body.seconds}


async def demanding(body: Demanding) -> dict[str, str]:
    return {"name": body.name}


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    install(app, trusts_request_id=False)
    app.router.route_class = StrictRoute
    app.post("/lenient")(lenient)
    app.post("/demanding")(demanding)
    app.patch("/changed")(lenient)
    return app


def client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t")


@pytest.mark.parametrize(("content", "seconds"), [(b"", 0), (b"{}", 0), (b'{"seconds": 7}', 7)])
async def test_an_empty_body_is_the_empty_object_where_nothing_needs_to_be_said(
    app: FastAPI, content: bytes, seconds: int
) -> None:
    async with client(app) as http:
        answer = await http.post("/lenient", content=content)
    assert (answer.status_code, answer.json()) == (200, {"seconds": seconds})


@pytest.mark.parametrize(("path", "content"), [("/demanding", b""), ("/lenient", b" "), ("/lenient", b"nonsense")])
async def test_any_other_that_is_no_json_is_refused(app: FastAPI, path: str, content: bytes) -> None:
    async with client(app) as http:
        answer = await http.post(path, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


async def test_a_change_says_something(app: FastAPI) -> None:
    async with client(app) as http:
        refused = await http.patch("/changed", content=b"")
        assert (await http.patch("/changed", content=b"{}")).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_json")


def test_the_description_says_which_bodies_are_needed(app: FastAPI) -> None:
    needed = {
        path: operation["requestBody"].get("required")
        for path, operations in app.openapi()["paths"].items()
        for operation in operations.values()
    }
    assert needed == {"/lenient": False, "/demanding": True, "/changed": True}
