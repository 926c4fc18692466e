"""What is tried again, how long is waited, and what is not sent twice."""

import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tollgate_client import Problem, Retries, TollgateClient, UnexpectedAnswer, Unreachable


class Server:
    """Answers by the given script, and keeps what it was asked and how long was waited."""

    def __init__(self, *script: httpx.Response | Exception) -> None:
        self.script = list(script)
        self.asked: list[httpx.Request] = []
        self.waited: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options: object) -> TollgateClient:
        http = httpx.Client(transport=httpx.MockTransport(self))
        return TollgateClient("https://tollgate.example/", http=http, sleep=self.waited.append, **options)  # type: ignore[arg-type]


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    document = {"type": f"urn:tollgate:problem:{code}", "status": status, "code": code, "detail": "No."}
    kind = {"content-type": "application/problem+json"}
    return httpx.Response(
        status, json=document, headers={**kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


def made() -> httpx.Response:
    return httpx.Response(201, json={"payment_id": "pay_1", "checkout_url": "https://pay"})


def test_an_answer_is_read_with_exact_fractions() -> None:
    server = Server(httpx.Response(200, content=b'{"credits": 5000, "available": 0.1}'))
    told = server.client(api_key="tg_live_x").credits()
    assert (told["credits"], str(told["available"])) == (5000, "0.1")
    assert server.asked[0].headers["authorization"] == "Bearer tg_live_x"
    assert str(server.asked[0].url) == "https://tollgate.example/api/v1/credits"


@pytest.mark.parametrize(
    "first",
    [
        lambda: httpx.ConnectError("refused"),
        lambda: httpx.ReadTimeout("late"),
        lambda: httpx.RemoteProtocolError("cut"),
        lambda: refusal(503, "billing_unavailable"),
        lambda: refusal(429, "rate_limited"),
        lambda: refusal(409, "idempotency_in_progress"),
        lambda: httpx.Response(502, content=b"<html>"),
    ],
)
def test_a_purchase_is_sent_again_with_the_same_key_and_body(first: Callable[[], httpx.Response | Exception]) -> None:
    server = Server(first(), made())
    assert server.client(session="tgs_x").checkout(credits=5000)["payment_id"] == "pay_1"
    one, two = server.asked
    assert one.headers["idempotency-key"] == two.headers["idempotency-key"]
    assert one.content == two.content == b'{"credits":5000}'


def test_each_purchase_has_a_key_of_its_own() -> None:
    server = Server(made(), made(), made())
    client = server.client(session="tgs_x")
    client.checkout(credits=5000)
    client.checkout(credits=5000)
    client.checkout(credits=5000, idempotency_key="order-7")
    keys = [request.headers["idempotency-key"] for request in server.asked]
    assert len(set(keys)) == 3 and keys[2] == "order-7"


def test_a_refusal_is_raised_with_its_code_at_once() -> None:
    server = Server(refusal(403, "credit_limit_exceeded"))
    with pytest.raises(Problem, match=r"403 credit_limit_exceeded: No\.") as raised:
        server.client(session="tgs_x").checkout(credits=5000)
    assert (raised.value.code, raised.value.status, len(server.asked)) == ("credit_limit_exceeded", 403, 1)


def test_what_the_server_says_not_to_retry_is_not_retried() -> None:
    server = Server(refusal(503, "service_unavailable", x_should_retry="false"))
    with pytest.raises(Problem):
        server.client().plans()
    assert len(server.asked) == 1


def test_retry_after_in_seconds_is_honoured() -> None:
    server = Server(refusal(429, "rate_limited", retry_after="7"), httpx.Response(200, json={"data": []}))
    server.client().plans()
    assert len(server.waited) == 1 and 7 <= server.waited[0] < 8


def test_retry_after_as_a_date_is_honoured() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    server = Server(refusal(503, "overloaded", retry_after=at), httpx.Response(200, json={"data": []}))
    server.client().plans()
    assert 15 < server.waited[0] < 21


def test_a_longer_retry_after_than_the_budget_is_told_at_once() -> None:
    server = Server(refusal(429, "rate_limited", retry_after="3600"))
    with pytest.raises(Problem) as raised:
        server.client().plans()
    assert (raised.value.retry_after_seconds, server.waited) == (3600, [])


def test_attempts_are_bounded() -> None:
    server = Server(*[httpx.ConnectError("refused") for _ in range(9)])
    with pytest.raises(Unreachable, match="ConnectError"):
        server.client(retries=Retries(attempts=3)).plans()
    assert (len(server.asked), len(server.waited)) == (3, 2)


def test_signing_in_is_sent_again_only_where_it_never_left() -> None:
    with pytest.raises(Unreachable):
        Server(httpx.ReadTimeout("late")).client().login(email="a@b.example", password="secret")
    signed_in = httpx.Response(200, json={"token": "tgs_1"})
    server = Server(httpx.ConnectTimeout("late"), signed_in)
    assert server.client().login(email="a@b.example", password="secret")["token"] == "tgs_1"


def test_a_paid_call_is_not_made_twice_without_a_key() -> None:
    """Even one that only reads costs again."""
    server = Server(httpx.ReadTimeout("late"))
    with pytest.raises(Unreachable):
        server.client(api_key="k").call("echo", "hello")
    server = Server(httpx.ReadTimeout("late"), httpx.Response(200))
    assert server.client(api_key="k").call("echo", "hello", idempotency_key="one").status_code == 200


def test_an_answer_that_is_not_the_platforms_is_told_apart() -> None:
    with pytest.raises(UnexpectedAnswer, match="404 without a problem document"):
        Server(httpx.Response(404, content=b"<html>")).client().plans()
    with pytest.raises(UnexpectedAnswer, match="200 without JSON"):
        Server(httpx.Response(200, content=b"<html>")).client().plans()


def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    server = Server(httpx.Response(200, json={}))
    server.client(session="s").payment("../credits?x=1")
    assert server.asked[0].url.raw_path == b"/api/v1/payments/..%2Fcredits%3Fx%3D1"
    with pytest.raises(ValueError, match="empty"):
        server.client(session="s").revoke_api_key("")


def test_two_credentials_are_refused_and_none_is_shown() -> None:
    with pytest.raises(ValueError, match="not both"):
        TollgateClient("https://tollgate.example", api_key="a", session="b")
    assert "tg_live_secret" not in repr(Server().client(api_key="tg_live_secret"))


def test_waiting_for_answers_uses_up_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that hangs is asked once where the first timeout took all the time there was."""
    now = iter(range(0, 900, 35))
    monkeypatch.setattr("tollgate_client.exchange.time.monotonic", lambda: float(next(now)))
    server = Server(httpx.ReadTimeout("late"), httpx.ReadTimeout("late"))
    with pytest.raises(Unreachable, match="ReadTimeout"):
        server.client().plans()
    assert (len(server.asked), server.waited) == (1, [])


def test_an_answer_that_cannot_be_decoded_is_none() -> None:
    broken = {"content-encoding": "gzip"}
    server = Server(*[httpx.Response(200, stream=httpx.ByteStream(b"no gzip"), headers=broken) for _ in range(4)])
    with pytest.raises(Unreachable, match="DecodingError"):
        server.client().plans()


@pytest.mark.parametrize("address", ["tollgate.example", "", "ftp://tollgate.example"])
def test_what_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="base_url"):
        TollgateClient(address)


def test_the_client_says_who_it_is_and_has_a_timeout_to_set() -> None:
    with TollgateClient("https://tollgate.example", timeout=3.0) as client:
        assert client._http.timeout == httpx.Timeout(3.0)
        assert client._http.headers["user-agent"].startswith("tollgate-client/")
    assert client._http.is_closed
    own = httpx.Client()
    with TollgateClient("https://tollgate.example", http=own):
        pass
    assert not own.is_closed
    own.close()


def test_a_refusal_says_each_error_once_and_passes_between_processes() -> None:
    errors = [{"pointer": "/email", "message": "must be an address"}, {"pointer": "/name", "message": "is too long"}]
    document = {"code": "validation_failed", "detail": "email: must be an address", "errors": errors}
    problem = Problem(422, document, retry_after_seconds=1.5)
    assert str(problem) == "422 validation_failed: email: must be an address; /name is too long"
    again = pickle.loads(pickle.dumps(problem))  # noqa: S301 - our own
    assert (str(again), again.document, again.retry_after_seconds) == (str(problem), document, 1.5)
