"""What every operation of the API has in common: keys, errors, idempotency, lists, expansion."""

import asyncio

import httpx
import pytest
import stripe

from tests.integration.stripe_sandbox.conftest import KEY, Running, sdk_client, sdk_warning

pytestmark = sdk_warning

BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("key", ["sk_live_1234567890", "pk_test_1234567890", "sk_test_", "nonsense"])
async def test_other_than_test_keys_are_refused(sandbox: Running, key: str) -> None:
    answer = await sandbox.http.get(f"{sandbox.url}/v1/customers", headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert "Invalid API Key provided" in answer.json()["error"]["message"]
    assert "1234567" not in answer.text


async def test_missing_key_is_refused_before_anything_else(sandbox: Running) -> None:
    for path in ("/v1/customers", "/v1/nothing"):
        answer = await sandbox.http.get(sandbox.url + path)
        assert answer.status_code == 401
        assert "You did not provide an API key" in answer.json()["error"]["message"]
        assert answer.headers["request-id"].startswith("req_")


async def test_key_may_come_as_basic_user(sandbox: Running) -> None:
    answer = await sandbox.http.get(f"{sandbox.url}/v1/customers", auth=httpx.BasicAuth(KEY, ""))
    assert answer.status_code == 200


async def test_sdk_turns_a_wrong_key_into_its_own_error(sandbox: Running) -> None:
    client = stripe.StripeClient(
        "sk_live_x_1234", base_addresses={"api": sandbox.url}, http_client=stripe.HTTPXClient()
    )
    with pytest.raises(stripe.AuthenticationError):
        await client.v1.customers.list_async()


async def test_unknown_parameter_is_named(sandbox: Running) -> None:
    for method, path in (
        ("POST", "/v1/customers"),
        ("GET", "/v1/customers"),
        ("POST", "/v1/checkout/sessions"),
    ):
        answer = await sandbox.http.request(
            method,
            sandbox.url + path,
            headers=BEARER,
            **({"data": {"bogus": "1"}} if method == "POST" else {"params": {"bogus": "1"}}),  # type: ignore[arg-type]
        )
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert (error["code"], error["param"]) == ("parameter_unknown", "bogus")
        assert error["message"] == "Received unknown parameter: bogus"


async def test_nested_unknown_parameter_is_named_in_brackets(sandbox: Running) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await sandbox.session(payment_intent_data={"metdata": {"a": "b"}})
    assert refused.value.param == "payment_intent_data[metdata]"
    assert refused.value.code == "parameter_unknown"


async def test_unknown_object_is_resource_missing(sandbox: Running) -> None:
    for retrieve in (
        sandbox.stripe.v1.customers.retrieve_async,
        sandbox.stripe.v1.checkout.sessions.retrieve_async,
        sandbox.stripe.v1.payment_intents.retrieve_async,
        sandbox.stripe.v1.charges.retrieve_async,
        sandbox.stripe.v1.events.retrieve_async,
    ):
        with pytest.raises(stripe.InvalidRequestError) as missing:
            await retrieve("xx_none")
        assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


async def test_unknown_address_is_404_in_stripes_shape(sandbox: Running) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await sandbox.http.request(method, f"{sandbox.url}/v1/nothing", headers=BEARER)
        assert answer.status_code == 404
        assert "Unrecognized request URL" in answer.json()["error"]["message"]


async def test_json_body_is_refused(sandbox: Running) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/v1/customers", headers=BEARER, json={"email": "a@b.c"})
    assert answer.status_code == 400


async def test_body_over_a_mebibyte_is_refused(sandbox: Running) -> None:
    answer = await sandbox.http.post(
        f"{sandbox.url}/v1/customers", headers=BEARER, data={"description": "x" * (1 << 20)}
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        b"a[b=1",
        b"metadata=1&metadata[a]=2",
        b"metadata[a]=2&metadata=1",
        b"email[a]=2",
        b"a[b][c][d][e][f][g][h][i][j]=1",
        b"\xff\xfe=\x00",
        b"[]=1",
        b"&&&=&",
        b"name=" + b"x" * 300,
        b"metadata[a][b]=c",
        b"balance=9999999999999999999999",
        b"balance=1.5",
    ],
)
async def test_senseless_form_is_a_400_never_a_500(sandbox: Running, body: bytes) -> None:
    answer = await sandbox.http.post(
        f"{sandbox.url}/v1/customers",
        content=body,
        headers={**BEARER, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert answer.status_code == 400 if body != b"&&&=&" else answer.status_code in (200, 400)
    assert answer.status_code < 500


async def test_same_key_and_parameters_give_the_first_answer_again(sandbox: Running) -> None:
    data, headers = {"email": "ada@example.com"}, {**BEARER, "Idempotency-Key": "once"}
    first = await sandbox.http.post(f"{sandbox.url}/v1/customers", data=data, headers=headers)
    again = await sandbox.http.post(f"{sandbox.url}/v1/customers", data=data, headers=headers)

    assert again.content == first.content
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-request"] == first.headers["request-id"]
    assert len((await sandbox.stripe.v1.customers.list_async()).data) == 1


async def test_same_key_with_other_parameters_is_an_idempotency_error(sandbox: Running) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once"}
    await sandbox.stripe.v1.customers.create_async({"email": "ada@example.com"}, options)

    with pytest.raises(stripe.IdempotencyError) as refused:
        await sandbox.stripe.v1.customers.create_async({"email": "eve@example.com"}, options)
    assert refused.value.http_status == 400
    with pytest.raises(stripe.IdempotencyError):
        await sandbox.stripe.v1.products.create_async({"name": "x"}, options)


async def test_refused_parameters_leave_the_key_unused(sandbox: Running) -> None:
    options: stripe.RequestOptions = {"idempotency_key": "once"}
    with pytest.raises(stripe.InvalidRequestError):
        await sandbox.stripe.v1.prices.create_async({"currency": "xyz", "unit_amount": 1}, options)
    product = await sandbox.stripe.v1.products.create_async({"name": "x"}, options)
    assert product.name == "x"


async def test_twenty_requests_at_once_with_one_key_have_one_effect(sandbox: Running) -> None:
    headers = {**BEARER, "Idempotency-Key": "once"}
    answers = await asyncio.gather(
        *(sandbox.http.post(f"{sandbox.url}/v1/customers", data={"name": "Ada"}, headers=headers) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 200}) == 1
    assert len((await sandbox.stripe.v1.customers.list_async()).data) == 1


async def test_key_of_a_request_under_way_is_a_conflict(sandbox: Running) -> None:
    await sandbox.http.post(f"{sandbox.url}/test/faults", json={"status": 500, "times": 1, "delay_ms": 1000})
    headers = {**BEARER, "Idempotency-Key": "once"}
    first = asyncio.create_task(sandbox.http.post(f"{sandbox.url}/v1/customers", data={"name": "Ada"}, headers=headers))
    while (await sandbox.http.get(f"{sandbox.url}/test/faults")).json()["faults"]:
        await asyncio.sleep(0.01)
    second = await sandbox.http.post(f"{sandbox.url}/v1/customers", data={"name": "Ada"}, headers=headers)

    assert second.status_code == 409
    assert second.json()["error"]["code"] == "idempotency_key_in_use"
    assert (await first).status_code == 500


async def test_injected_500s_end_and_the_sdks_retry_goes_through(sandbox: Running) -> None:
    await sandbox.http.post(f"{sandbox.url}/test/faults", json={"status": 500, "times": 2})
    client = stripe.StripeClient(
        KEY, base_addresses={"api": sandbox.url}, http_client=stripe.HTTPXClient(), max_network_retries=2
    )
    customer = await client.v1.customers.create_async({"name": "Ada"})

    assert [one.id for one in (await sandbox.stripe.v1.customers.list_async()).data] == [customer.id]


async def test_answer_lost_after_the_act_is_found_again_by_its_key(sandbox: Running) -> None:
    await sandbox.http.post(
        f"{sandbox.url}/test/faults", json={"status": 500, "times": 1, "after": True, "path": "/v1/checkout"}
    )
    await sandbox.stripe.v1.customers.list_async()
    lost = {"idempotency_key": "pay_1"}
    params = {
        "mode": "payment",
        "success_url": "http://127.0.0.1:9/",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Credits"}},
            }
        ],
    }
    with pytest.raises(stripe.APIError):
        await sandbox.stripe.v1.checkout.sessions.create_async(params, lost)  # type: ignore[arg-type]
    session = await sandbox.stripe.v1.checkout.sessions.create_async(params, lost)  # type: ignore[arg-type]

    sessions = await sandbox.stripe.v1.checkout.sessions.list_async()
    assert [one.id for one in sessions.data] == [session.id]


@pytest.mark.parametrize(
    ("status", "error"),
    [(429, stripe.RateLimitError), (503, stripe.APIError), (409, stripe.APIError)],
)
async def test_injected_faults_look_like_stripes(
    sandbox: Running, status: int, error: type[stripe.StripeError]
) -> None:
    await sandbox.http.post(f"{sandbox.url}/test/faults", json={"status": status, "times": 1})
    with pytest.raises(error):
        await sandbox.stripe.v1.customers.list_async()
    await sandbox.stripe.v1.customers.list_async()


@pytest.mark.parametrize(
    "body",
    [
        {"status": 200, "times": 1},
        {"status": "500", "times": 1},
        {"status": 500, "times": True},
        {"status": 500, "times": 1, "path": "/c/pay"},
        {"status": 500, "bogus": 1},
        {},
        [],
        None,
    ],
)
async def test_senseless_fault_is_refused(sandbox: Running, body: object) -> None:
    answer = await sandbox.http.post(f"{sandbox.url}/test/faults", json=body)
    assert answer.status_code == 400


async def test_lists_are_newest_first_and_paged_both_ways(sandbox: Running) -> None:
    made = [(await sandbox.stripe.v1.customers.create_async({"name": str(number)})).id for number in range(5)]
    newest_first = made[::-1]

    first = await sandbox.stripe.v1.customers.list_async({"limit": 2})
    assert ([one.id for one in first.data], first.has_more) == (newest_first[:2], True)
    second = await sandbox.stripe.v1.customers.list_async({"limit": 3, "starting_after": newest_first[1]})
    assert ([one.id for one in second.data], second.has_more) == (newest_first[2:], False)
    back = await sandbox.stripe.v1.customers.list_async({"limit": 2, "ending_before": newest_first[3]})
    assert ([one.id for one in back.data], back.has_more) == (newest_first[1:3], True)
    walked = [one.id async for one in first.auto_paging_iter()]
    assert walked == newest_first


async def test_list_bounds_and_cursors_are_checked(sandbox: Running) -> None:
    for params in ({"limit": 0}, {"limit": 101}, {"starting_after": "cus_none"}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await sandbox.stripe.v1.customers.list_async(params)  # type: ignore[arg-type]
        assert refused.value.http_status == 400


async def test_lists_filter_by_field_and_time(sandbox: Running) -> None:
    ada = await sandbox.stripe.v1.customers.create_async({"email": "ada@example.com"})
    await sandbox.stripe.v1.customers.create_async({"email": "eve@example.com"})

    found = await sandbox.stripe.v1.customers.list_async({"email": "ada@example.com"})
    assert [one.id for one in found.data] == [ada.id]
    none = await sandbox.stripe.v1.customers.list_async({"created": {"gt": ada.created + 3600}})
    assert none.data == []


async def test_customer_is_changed_and_deleted(sandbox: Running) -> None:
    customer = await sandbox.stripe.v1.customers.create_async(
        {"name": "Ada", "metadata": {"a": "1", "b": "2"}, "address": {"city": "London"}}
    )
    changed = await sandbox.stripe.v1.customers.update_async(
        customer.id, {"email": "ada@example.com", "metadata": {"a": "", "c": "3"}}
    )
    assert (changed.name, changed.email, changed.address.city) == ("Ada", "ada@example.com", "London")
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}

    gone = await sandbox.stripe.v1.customers.delete_async(customer.id)
    assert gone.deleted is True
    assert (await sandbox.stripe.v1.customers.retrieve_async(customer.id)).deleted is True
    assert (await sandbox.stripe.v1.customers.list_async()).data == []
    types = [event.type for event in (await sandbox.stripe.v1.events.list_async()).data]
    assert types == ["customer.deleted", "customer.updated", "customer.created"]


async def test_field_that_holds_no_id_cannot_be_expanded(sandbox: Running) -> None:
    session = await sandbox.session()
    for path in ("amount_total", "bogus", "payment_intent.a.b.c.d"):
        with pytest.raises(stripe.InvalidRequestError):
            await sandbox.stripe.v1.checkout.sessions.retrieve_async(session.id, {"expand": [path]})


async def test_lists_expand_their_elements(sandbox: Running) -> None:
    session = await sandbox.session()
    await sandbox.pay(session)
    found = await sandbox.stripe.v1.checkout.sessions.list_async(
        {"expand": ["data.payment_intent.latest_charge.balance_transaction"]}
    )
    assert found.data[0].payment_intent.latest_charge.balance_transaction.net == 455


async def test_one_webhook_endpoint_is_listed(sandbox: Running) -> None:
    found = await sandbox.stripe.v1.webhook_endpoints.list_async()
    assert [(one.url, one.status) for one in found.data] == [(sandbox.received.url, "enabled")]


async def test_two_keys_see_one_account(sandbox: Running) -> None:
    other = stripe.StripeClient(
        "sk_test_another", base_addresses={"api": sandbox.url}, http_client=stripe.HTTPXClient()
    )
    customer = await sdk_client(sandbox.url).v1.customers.create_async({"name": "Ada"})
    assert (await other.v1.customers.retrieve_async(customer.id)).name == "Ada"


async def test_ping_and_front_page_answer(sandbox: Running) -> None:
    session = await sandbox.session()
    assert (await sandbox.http.get(f"{sandbox.url}/ping")).status_code == 200
    front = await sandbox.http.get(f"{sandbox.url}/")
    assert front.status_code == 200
    assert session.id in front.text
