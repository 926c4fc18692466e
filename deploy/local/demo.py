"""`make demo`: the story of the platform told against a running stack, with the balance after each step.

    python -m deploy.local.demo [--data-dir .tollgate]

It finds the stack by `stack.json` and does what a newcomer would do with curl and a browser: register, be refused a
key, pay, get a key, call a paid API until the credits no longer cover a call. Where something else comes than was
expected, it says so and ends with 1; it ends with 2 where there is no stack to tell the story to. Each telling is
another customer. Amounts are millicredits inside, credits when shown; no float touches them.
"""

import argparse
import json
import secrets
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "correct horse battery staple"  # noqa: S105 - the story's own customer
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
CREDITS = 5_000
DEAR_PRICE = 1_000
PROMPT = "What does the keeper of a toll bridge count?"
SECONDS_TO_CREDIT = 2.0
SECONDS_TO_END = 2.0
SECONDS_TO_KNOW_A_ROUTE = 2.0
POLL_SECONDS = 0.03
SURPRISED, NO_STACK = 1, 2
LABEL_WIDTH = 20


class Surprise(Exception):
    """Something else than the story came."""


class NoStack(Exception):
    """There is no stack that this could be told to; the text says what to do."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.local.demo", description="Tells the story, step by step.")
    parser.add_argument("--data-dir", type=Path, default=Path(".tollgate"), help="the stack's data folder (.tollgate)")
    data: Path = parser.parse_args(arguments).data_dir
    began_at = time.monotonic()
    try:
        stack = _find_stack(data)
        with httpx.Client(base_url=stack["gateway"], trust_env=False, timeout=30) as http:
            _tell(Story(stack, http))
    except NoStack as missing:
        print(missing, file=sys.stderr)
        return NO_STACK
    except Surprise as surprise:
        print(f"\nA surprise: {surprise}\nThe programs' logs are in {data / 'logs'}.", file=sys.stderr)
        return SURPRISED
    except httpx.TransportError as failure:
        print(f"\nThe stack stopped answering: {failure!r}. Does `make run` still run?", file=sys.stderr)
        return SURPRISED
    print(f"\nThe end: everything came as told, in {time.monotonic() - began_at:.1f} s.")
    return 0


def _find_stack(data: Path) -> dict[str, Any]:
    try:
        stack: dict[str, Any] = json.loads((data / "stack.json").read_text())
    except FileNotFoundError:
        raise NoStack(
            f"No stack runs on {data} (there is no {data / 'stack.json'}). Start one with `make run` in another "
            "terminal and wait until it says that it is ready; with a folder of its own, name the same here: "
            "make demo DATA_DIR=..."
        ) from None
    except (OSError, ValueError) as error:
        raise NoStack(f"{data / 'stack.json'} can't be read: {error}") from None
    try:
        httpx.get(f"{stack['gateway']}/ping", timeout=5, trust_env=False)
    except httpx.TransportError:
        raise NoStack(
            f"{data / 'stack.json'} names {stack['gateway']}, but nothing answers there: the stack was killed. "
            "Start it again with `make run`."
        ) from None
    if "stripe_sandbox" not in stack["services"]:
        raise NoStack("This stack talks to Stripe itself, so the demo can't pay. Start it without STRIPE_SECRET_KEY.")
    return stack


class Story:
    """The customer of this telling and what is known of them. `balance` is what the platform should say next."""

    def __init__(self, stack: dict[str, Any], http: httpx.Client) -> None:
        self.stack = stack
        self.http = http
        self.number = 0
        self.email = f"ada-{secrets.token_hex(4)}@example.com"
        self.token = ""
        self.key = ""
        self.balance = 0

    # What is said.

    def step(self, title: str) -> None:
        self.number += 1
        print(f"\n{self.number:2}. {title}")

    def say(self, label: str, text: str) -> None:
        print(f"    {label:<{LABEL_WIDTH}} {text}", flush=True)

    def show_balance(self) -> None:
        """What the platform says, and that it is what the story says."""
        now = self.credits()
        expect(now == self.balance, f"the balance is {shown(now)}, not {shown(self.balance)}")
        self.say("balance", f"{shown(now)} credits")

    # What is done.

    def ask(self, method: str, path: str, *, wanted: int, credential: str = "", **more: Any) -> httpx.Response:
        """One request, said and answered as wanted."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        answer = self.http.request(method, path, headers=headers, **more)
        self.say(f"{method} -> {answer.status_code}", path)
        text = answer.text[:400]
        expect(answer.status_code == wanted, f"{method} {path} answered {answer.status_code}, not {wanted}: {text}")
        return answer

    def credits(self) -> int:
        answer = self.http.get("/api/v1/credits", headers={"Authorization": f"Bearer {self.token}"})
        expect(answer.status_code == 200, f"GET /api/v1/credits answered {answer.status_code}: {answer.text[:400]}")
        return millicredits(exact(answer)["credits"])

    def call(self, path: str, *, wanted: int = 200, method: str = "GET", **more: Any) -> httpx.Response:
        """A paid call by the customer's key; what it says of credits is shown."""
        answer = self.ask(method, f"/proxy/{path}", wanted=wanted, credential=self.key, **more)
        if "x-credits-charged" in answer.headers:
            charged, remaining = (answer.headers[f"x-credits-{word}"] for word in ("charged", "remaining"))
            self.say("", f"X-Credits-Charged: {charged}   X-Credits-Remaining: {remaining}")
            self.balance -= millicredits(charged)
            expect(millicredits(remaining) == self.balance, f"{remaining} remain, not {shown(self.balance)}")
        return answer


def _tell(story: Story) -> None:
    """The whole of it, in order."""
    print(f"Tollgate's story, told to {story.stack['gateway']}")
    for part in (
        _register,
        _be_refused_a_key,
        _buy,
        _get_a_key,
        _call_an_api,
        _chat,
        _chat_by_stream,
        _spend_the_rest,
        _read_the_history,
        _try_a_declined_card,
    ):
        part(story)


def _register(story: Story) -> None:
    story.step("A newcomer registers")
    body = {"email": story.email, "password": PASSWORD, "name": "Ada"}
    answer = story.ask("POST", "/api/v1/auth/register", wanted=201, json=body).json()
    story.token = answer["token"]
    story.say("account", f"{answer['account']['id']}, {story.email}")
    story.show_balance()


def _be_refused_a_key(story: Story) -> None:
    story.step("A key costs nothing, but wants 5,000 credits to be there: 402")
    refusal = exact(
        story.ask("POST", "/api/v1/auth/api-key", wanted=402, credential=story.token, json={"name": "mine"})
    )
    expect(refusal["code"] == "insufficient_credits", f"the refusal's code is {refusal['code']}")
    story.say(
        refusal["code"], f"has {refusal['credits']}, needs {refusal['required']}; buy at {refusal['checkout_path']}"
    )
    story.show_balance()


def _buy(story: Story) -> None:
    story.step("5,000 credits are bought for $5, on a payment page")
    page = _checkout(story)
    paid = _pay(page, GOOD_CARD)
    paid_at = time.monotonic()
    story.say(f"POST -> {paid.status_code}", "the page's form, card 4242 4242 4242 4242")
    expect(paid.status_code == 303, f"the payment page answered {paid.status_code}, not 303")
    story.balance += CREDITS * 1_000
    seconds = _wait(lambda: story.credits() == story.balance, paid_at, SECONDS_TO_CREDIT, "the credits to appear")
    story.say("credits there", f"{seconds * 1_000:.0f} ms after the payment")
    story.show_balance()


def _get_a_key(story: Story) -> None:
    story.step("Now the key is granted")
    made = story.ask("POST", "/api/v1/auth/api-key", wanted=201, credential=story.token, json={"name": "mine"}).json()
    story.key = made["key"]
    story.say("key", f"{made['prefix']}...{made['last4']} (shown once, stored as a hash)")
    story.show_balance()


def _call_an_api(story: Story) -> None:
    story.step("A paid API is called three times, a credit each")
    for word in ("one", "two", "three"):
        answer = story.call(f"echo/hello/{word}?to=you")
        expect(answer.json()["path"] == f"/hello/{word}", f"the upstream saw {answer.json()['path']}")
        expect(story.key not in answer.text, "the customer's key went upstream")
    story.show_balance()


def _chat(story: Story) -> None:
    story.step("A chat is charged by its tokens: 1 credit per 1,000")
    before = story.balance
    body = {"model": "demo", "messages": [{"role": "user", "content": PROMPT}]}
    answer = story.call("demo/v1/chat/completions", method="POST", json=body).json()
    tokens = answer["usage"]["total_tokens"]
    story.say("it says", answer["choices"][0]["message"]["content"])
    story.say("tokens", str(tokens))
    expect(before - story.balance == tokens, f"{tokens} tokens cost {shown(before - story.balance)} credits")
    story.show_balance()


def _chat_by_stream(story: Story) -> None:
    story.step("The same chat, streamed: the cost is known when the stream ends")
    body = {"model": "demo", "messages": [{"role": "user", "content": PROMPT}], "stream": True}
    path, headers = "/proxy/demo/v1/chat/completions", {"Authorization": f"Bearer {story.key}"}
    with story.http.stream("POST", path, json=body, headers=headers) as stream:
        events = [line for line in stream.iter_lines() if line.startswith("data: ")]
    story.say(f"POST -> {stream.status_code}", f"{path}, {len(events)} events")
    expect(stream.status_code == 200, f"the stream answered {stream.status_code}")
    expect(events[-1] == "data: [DONE]", "the stream ended before its end")
    request_id = stream.headers["x-request-id"]
    record = _ended_call(story, request_id)
    story.say("usage says", f"{record['units']['tokens']} tokens, {record['credits']} credits, {record['outcome']}")
    expect(record["outcome"] == "delivered", f"its outcome is {record['outcome']}")
    story.balance -= millicredits(record["credits"])
    expect(millicredits(record["credits"]) == record["units"]["tokens"], "a token is not a millicredit")
    story.show_balance()


def _ended_call(story: Story, request_id: str) -> Any:
    """A call's record once it says how the call ended, which is told behind the answer."""
    path, headers = f"/api/v1/usage/requests/{request_id}", {"Authorization": f"Bearer {story.token}"}

    def has_ended() -> bool:
        return bool(story.http.get(path, headers=headers).json().get("outcome") != "unknown")

    _wait(has_ended, time.monotonic(), SECONDS_TO_END, "the call's outcome")
    return exact(story.ask("GET", path, wanted=200, credential=story.token))


def _spend_the_rest(story: Story) -> None:
    story.step(f"The operator sells a dear route, {DEAR_PRICE:,} credits a call; the rest is spent on it")
    operator = story.ask("POST", "/api/v1/auth/login", wanted=200, json=story.stack["operator"]).json()["token"]
    route = _sell_a_dear_route(story, operator)
    asked_at = time.monotonic()
    _wait(lambda: _is_known(story, route["name"]), asked_at, SECONDS_TO_KNOW_A_ROUTE, "the route to be known")
    story.say("is the route known?", "a call that the upstream fails on: charged, and given back at once")
    path = f"{route['name']}/scroll/{secrets.token_hex(4)}"
    calls = 0
    while story.balance >= DEAR_PRICE * 1_000:
        story.call(path)
        calls += 1
    refusal = exact(story.call(path, wanted=402))
    story.say(refusal["code"], f"{refusal['credits']} credits are available")
    expect(refusal["code"] == "insufficient_credits", f"the refusal's code is {refusal['code']}")
    arrived = _calls_at_upstream(story, path.removeprefix(route["name"]))
    expect(arrived == calls, f"{arrived} calls reached the upstream, {calls} were paid for")
    story.show_balance()
    retired = {"status": "retired"}
    story.ask("PATCH", f"/api/v1/admin/routes/{route['id']}", wanted=200, credential=operator, json=retired)


def _sell_a_dear_route(story: Story, operator: str) -> dict[str, Any]:
    """One for this telling: an earlier one's may lead to where the upstream was then."""
    upstream = f"{story.stack['services']['demo_upstream']['url']}/echo"
    name = f"archive-{secrets.token_hex(4)}"
    body = {"name": name, "upstream_url": upstream, "format": "raw", "price": {"per_call": DEAR_PRICE}}
    made = story.ask("POST", "/api/v1/admin/routes", wanted=201, credential=operator, json=body)
    route: dict[str, Any] = made.json()
    return route


def _is_known(story: Story, route: str) -> bool:
    """Asked with a path that the upstream fails on: such a call is not charged, so asking costs nothing."""
    headers = {"Authorization": f"Bearer {story.key}"}
    answer = story.http.get(f"/proxy/{route}/status/404", headers=headers)
    return bool(answer.headers.get("x-credits-charged") == "0")


def _calls_at_upstream(story: Story, path: str) -> int:
    """How many calls under a path the upstream itself has seen."""
    upstream = story.stack["services"]["demo_upstream"]["url"]
    answer = httpx.get(f"{upstream}/calls", params={"prefix": f"/echo{path}"}, trust_env=False, timeout=10)
    return int(answer.json()["total"])


def _read_the_history(story: Story) -> None:
    story.step("The history: every entry, and their sum is the balance")
    entries = _all_transactions(story)
    total = sum(millicredits(one["credits"]) for one in entries)
    for entry in reversed(entries):
        story.say(entry["type"], f"{entry['credits']:>+10} -> {entry['balance_after']:>9}   {entry['description']}")
    story.say("sum", f"{len(entries)} entries, {shown(total)} credits")
    expect(total == story.balance, f"the entries sum to {shown(total)}")
    story.show_balance()


def _all_transactions(story: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = "/api/v1/credits/transactions?limit=100"
    page = exact(story.ask("GET", path, wanted=200, credential=story.token))
    found += page["data"]
    while page["has_more"]:
        page = exact(story.ask("GET", f"{path}&after={page['next']}", wanted=200, credential=story.token))
        found += page["data"]
    return found


def _try_a_declined_card(story: Story) -> None:
    story.step("A card that is declined changes nothing")
    page = _checkout(story)
    declined = _pay(page, DECLINED_CARD)
    story.say(f"POST -> {declined.status_code}", "the page's form, card 4000 0000 0000 0002")
    expect(declined.status_code == 402, f"the payment page answered {declined.status_code}, not 402")
    expect("declined" in declined.text, "the page does not say that the card was declined")
    story.show_balance()


def _checkout(story: Story) -> str:
    body = {"credits": CREDITS}
    begun = story.ask("POST", "/api/v1/credits/checkout", wanted=201, credential=story.token, json=body).json()
    story.say("payment page", begun["checkout_url"])
    return str(begun["checkout_url"])


def _pay(page: str, card: str) -> httpx.Response:
    form = {"number": card, "exp": "12/34", "cvc": "123", "name": "Ada"}
    return httpx.post(page, data=form, trust_env=False, timeout=30)


def _wait(holds: Callable[[], bool], since: float, seconds: float, what: str) -> float:
    """How long it took, from `since`."""
    while not holds():
        expect(time.monotonic() - since < seconds, f"waited {seconds:.0f} s in vain for {what}")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - since


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Surprise(otherwise)


def exact(answer: httpx.Response) -> Any:
    return json.loads(answer.text, parse_float=Decimal)


def millicredits(credits: int | Decimal | str) -> int:
    return int(Decimal(credits) * 1_000)


def shown(amount: int) -> str:
    """Millicredits as credits: `4,999.979`."""
    return f"{Decimal(amount) / 1_000:,f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
