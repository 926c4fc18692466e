import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.gateway_identity.conftest import PASSWORD, World, code_of
from tests.support.http import eventually


async def sign_in(world: World, email: str, password: str = PASSWORD, **headers: str) -> Any:
    return await world.http.post("/api/v1/auth/login", json={"email": email, "password": password}, headers=headers)


async def test_login_makes_a_new_session_whatever_token_came_along(world: World) -> None:
    customer = await world.register()
    invented = "tgs_" + "a" * 43
    signed_in = await sign_in(world, customer.email.upper(), authorization=f"Bearer {invented}")
    assert signed_in.status_code == 200
    token = signed_in.json()["token"]
    assert token not in (customer.token, invented)
    assert signed_in.json()["account"]["id"] == customer.id
    refused = await world.http.get("/api/v1/account", headers={"authorization": f"Bearer {invented}"})
    assert (refused.status_code, code_of(refused)) == (401, "unauthenticated")


async def test_wrong_password_and_unknown_email_get_one_answer(world: World) -> None:
    customer = await world.register()
    wrong = await sign_in(world, customer.email, "not the password")
    unknown = await sign_in(world, "nobody@example.com", "not the password")
    for refused in (wrong, unknown):
        assert (refused.status_code, code_of(refused)) == (401, "invalid_credentials")
    assert wrong.json()["detail"] == unknown.json()["detail"]


async def test_first_72_characters_of_a_password_do_not_sign_in(world: World) -> None:
    long = "p" * 100
    await world.register("long@example.com", password=long)
    assert (await sign_in(world, "long@example.com", long[:72])).status_code == 401
    assert (await sign_in(world, "long@example.com", long)).status_code == 200


@pytest.mark.parametrize("password", ["x" * 1_000_000, "nul\x00nul"])
async def test_password_that_cannot_be_is_refused_at_once(world: World, password: str) -> None:
    refused = await sign_in(world, "somebody@example.com", password)
    assert (refused.status_code, code_of(refused)) == (422, "validation_failed")


async def test_twenty_wrong_logins_at_once_fail_five_times(world: World) -> None:
    await world.register("target@example.com")
    letters = ["target@example.com", "TARGET@example.com", "Target@Example.com", "tARGET@EXAMPLE.COM"]
    answers = await asyncio.gather(
        *(
            sign_in(world, letters[number % 4], "wrong password", **{"x-forwarded-for": f"198.51.100.{number}"})
            for number in range(20)
        )
    )
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [401] * 5 + [429] * 15
    for answer in answers:
        if answer.status_code == 429:
            assert code_of(answer) == "rate_limited"
            assert 0 < int(answer.headers["retry-after"]) <= 900
            assert answer.headers["ratelimit"] == f'"sign-in";r=0;t={answer.headers["retry-after"]}'
    right = await sign_in(world, "target@example.com")
    assert right.status_code == 429


async def test_good_logins_spend_nothing(world: World) -> None:
    customer = await world.register()
    answers = await asyncio.gather(*(sign_in(world, customer.email) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    for left in (4, 3, 2, 1):
        wrong = await sign_in(world, customer.email, "wrong password")
        assert wrong.status_code == 401
        assert wrong.headers["ratelimit"] == f'"sign-in";r={left};t=900'
        assert wrong.headers["ratelimit-policy"] == '"sign-in";q=5;w=900'
    right = await sign_in(world, customer.email)
    assert (right.status_code, right.headers["ratelimit"]) == (200, '"sign-in";r=1;t=900')


async def test_an_address_may_fail_so_often_over_all_emails(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(login_failures_per_address=3)
    here, there = {"x-forwarded-for": "198.51.100.7"}, {"x-forwarded-for": "198.51.100.8"}
    for number in range(3):
        assert (await sign_in(world, f"n{number}@example.com", "wrong password", **here)).status_code == 401
    assert (await sign_in(world, "n9@example.com", "wrong password", **here)).status_code == 429
    assert (await sign_in(world, "n9@example.com", "wrong password", **there)).status_code == 401


async def test_an_ipv6_network_is_one_address(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(login_failures_per_address=1)
    for host, status in (("1", 401), ("2", 429)):
        headers = {"x-forwarded-for": f"2001:db8:1:2::{host}"}
        assert (await sign_in(world, f"{host}@example.com", "wrong password", **headers)).status_code == status


async def test_limit_holds_in_this_process_without_redis(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(redis_url="redis://127.0.0.1:1/0")
    customer = await world.register()
    answers = [await sign_in(world, customer.email, "wrong password") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]


async def test_two_gateways_count_failures_together(make_world: Callable[..., Any]) -> None:
    one: World = await make_world()
    two: World = await make_world()
    answers = await asyncio.gather(
        *(sign_in(world, "x@example.com", "wrong password") for world in (one, two) for _ in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


async def test_more_logins_than_may_wait_are_told_so(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(password_workers=1, password_queue=4)
    emails = [f"busy{number}@example.com" for number in range(30)]
    answers = await asyncio.gather(*(sign_in(world, email, "wrong password") for email in emails))
    statuses = {answer.status_code for answer in answers}
    assert statuses == {401, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert code_of(refused) == "overloaded" and refused.headers["retry-after"]


@pytest.mark.long
async def test_unknown_email_takes_as_long_as_a_wrong_password(make_world: Callable[..., Any]) -> None:
    world: World = await make_world(login_failures_per_email=10_000, login_failures_per_address=10_000)
    customer = await world.register()
    times: dict[str, list[float]] = {customer.email: [], "nobody@example.com": []}
    for _ in range(100):
        for email, taken in times.items():
            began = time.perf_counter()
            assert (await sign_in(world, email, "wrong password")).status_code == 401
            taken.append(time.perf_counter() - began)
    known, unknown = (statistics.median(taken) for taken in times.values())
    assert abs(known - unknown) < 0.25 * known


async def test_logout_ends_this_session_everywhere_within_a_second(make_world: Callable[..., Any]) -> None:
    one: World = await make_world()
    two: World = await make_world(billing=one.billing)
    customer = await one.register()
    other_token = (await sign_in(one, customer.email)).json()["token"]
    elsewhere = await two.client(authorization=f"Bearer {customer.token}")
    assert (await elsewhere.get("/api/v1/account")).status_code == 200
    assert (await customer.http.post("/api/v1/auth/logout")).status_code == 204

    async def is_out() -> bool:
        return (await elsewhere.get("/api/v1/account")).status_code == 401

    await eventually(is_out, within_seconds=1.0)
    still = await two.client(authorization=f"Bearer {other_token}")
    assert (await still.get("/api/v1/account")).status_code == 200


async def test_suspended_account_reads_and_signs_out_but_changes_nothing(world: World) -> None:
    operator, customer = await world.operator(), await world.register()
    await operator.http.patch(f"/api/v1/admin/accounts/{customer.id}", json={"status": "suspended"})

    async def is_suspended() -> bool:
        answer = await customer.http.patch("/api/v1/account", json={"name": "New"})
        return answer.status_code == 403 and code_of(answer) == "account_suspended"

    await eventually(is_suspended, within_seconds=1.0)
    assert (await customer.http.get("/api/v1/account")).json()["status"] == "suspended"
    refused = await customer.http.post("/api/v1/auth/api-key", json={"name": "k"})
    assert code_of(refused) == "account_suspended"
    signed_in = await sign_in(world, customer.email)
    assert signed_in.status_code == 200
    assert (await customer.http.post("/api/v1/auth/logout")).status_code == 204
