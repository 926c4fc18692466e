"""Gateway -> billing: the postings of paid calls, `POST /internal/v1/ledger/postings`.

A request carries up to `MAX_ITEMS` items; each is judged alone, in order, and one refused item fails nobody else.
Amounts are integer millicredits; ids are the asker's and time-ordered, and an item sent again with the same id and
content gets its first verdict again and moves nothing. Wire form: `Postings` -> `{"results": [...]}`, in the same
order.
"""

from typing import Literal, NotRequired, TypedDict

PATH = "/internal/v1/ledger/postings"
OUTCOMES_PATH = "/internal/v1/usage/outcomes"
MAX_ITEMS = 256

Outcome = Literal["delivered", "upstream_failed", "disconnected", "unknown"]

Verdict = Literal[
    "posted",
    "insufficient_credits",
    "account_frozen",
    "id_refused",
    "id_conflict",
    "reversed",
    "hold_lapsed",
    "not_found",
    "busy",
]
"""`id_refused`: the id's time is over 35 days old or 2 h ahead. `id_conflict`: the id was used with other content.
`reversed`: the charge was reversed before it arrived. `hold_lapsed`: expired or released. `not_found`: no such hold.
`busy`, of a charge or hold only: it was not begun in time (the wallet's lock, the request's deadline) and this sending
did nothing; one before it, whose verdict was not heard, may stand."""


class Units(TypedDict):
    """What was metered."""

    calls: int
    tokens: int
    units: int


class Usage(TypedDict):
    """The usage record that a charge or hold writes with itself; a capture writes its units and outcome."""

    request_id: str
    route: str
    key_id: str
    price_version: int
    units: Units
    outcome: Outcome
    flagged: bool


class Charge(TypedDict):
    """A price known beforehand, durable before the call is forwarded."""

    op: Literal["charge"]
    id: str
    account_id: str
    amount: int
    usage: Usage


class Reverse(TypedDict):
    """Gives a charge back in full, once. An unknown `charge_id` is marked, so that the charge can't arrive later."""

    op: Literal["reverse"]
    id: str
    charge_id: str
    account_id: str
    outcome: Outcome


class Hold(TypedDict):
    """Holds `min(amount, available)` where at least `at_least` is available."""

    op: Literal["hold"]
    id: str
    account_id: str
    amount: int
    at_least: int
    expires_in_ms: int
    usage: Usage


class Capture(TypedDict):
    """Charges `min(amount, held)` as transfer `id` and releases the rest. Amount 0 only closes the hold."""

    op: Literal["capture"]
    id: str
    hold_id: str
    account_id: str
    amount: int
    usage: Usage


class Release(TypedDict):
    """Closes a hold and charges nothing. An unknown `hold_id` is marked, so that the hold can't arrive later."""

    op: Literal["release"]
    hold_id: str
    account_id: str
    outcome: Outcome


class Progress(TypedDict):
    """What an open hold's call has cost so far: at the hold's expiry that much is charged, flagged, with outcome
    `unknown`, and the rest released. The amount only grows and is bounded by what is held; saying it twice is harmless.
    Verdicts: `posted`, `hold_lapsed`, `not_found`."""

    op: Literal["progress"]
    hold_id: str
    account_id: str
    amount: int
    usage: Usage


Item = Charge | Reverse | Hold | Capture | Release | Progress


class Postings(TypedDict):
    """A request. `deadline_ms` is how long its asker still waits: a charge or hold that can't be begun by then is
    `busy`."""

    items: list[Item]
    deadline_ms: NotRequired[int]


class Result(TypedDict):
    """What became of one item. `available` and `balance` are the wallet's after it, at its place in the batch."""

    verdict: Verdict
    charged: int
    held: int
    available: int
    balance: int
    reason: NotRequired[Literal["negative_balance", "dispute"]]


class OutcomeItem(TypedDict):
    """How an answered call ended: told behind the answer, in batches."""

    account_id: str
    request_id: str
    outcome: Outcome
    latency_ms: int


class WalletState(TypedDict):
    """`GET /internal/v1/wallets/{account_id}`; an account billing never saw reads as zeros. `standing` is `disputed`
    while a dispute is open and after one was lost."""

    account_id: str
    balance: int
    held: int
    available: int
    frozen_reason: Literal["negative_balance", "dispute"] | None
    standing: Literal["good", "negative_balance", "disputed"]
