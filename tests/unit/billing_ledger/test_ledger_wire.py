"""What is read without models is what the models read, and nothing that they refuse."""

import copy
import json
from typing import Any

import pytest
from pydantic import ValidationError

from services.billing.api.ledger_postings import EndingsWire, PostingsWire
from services.billing.api.ledger_wire import Doubtful, read_endings, read_postings
from services.billing.domain.ledger.usage import Ending
from shared.contracts.ledger import MAX_ITEMS

ID = "01890000-0000-7000-8000-00000000000"
USAGE = {
    "request_id": ID + "1",
    "route": "echo",
    "key_id": "key_1",
    "price_version": 3,
    "units": {"calls": 1, "tokens": 2, "units": 0},
    "outcome": "unknown",
    "flagged": False,
}
OF_ACCOUNT = {"account_id": "acct_a"}
ITEMS: dict[str, dict[str, Any]] = {
    "charge": {"id": ID + "2", "amount": 5, "usage": USAGE},
    "reverse": {"id": ID + "2", "charge_id": ID + "3", "outcome": "upstream_failed"},
    "hold": {"id": ID + "2", "amount": 5, "at_least": 1, "expires_in_ms": 9, "usage": USAGE},
    "capture": {"id": ID + "2", "hold_id": ID + "3", "amount": 5, "usage": USAGE},
    "release": {"hold_id": ID + "3", "outcome": "disconnected"},
    "progress": {"hold_id": ID + "3", "amount": 5, "usage": USAGE},
}
ENDING = {"account_id": "acct_a", "request_id": ID + "1", "outcome": "delivered", "latency_ms": 7}
STRANGE: list[Any] = [
    None, True, 1, -1, 2**31, 10**15, 10**15 + 1, 1.5, "", "x", "x" * 65, "x" * 201, [], {}, ID, ID + "g", "a\x00b",
    ID.replace("-", "") + "1", "{" + ID + "1}", "0189-0000000-7000-8000-000000000001",
]  # fmt: skip


def items(**changes: Any) -> list[dict[str, Any]]:
    return [{"op": op, **OF_ACCOUNT, **copy.deepcopy(rest), **changes} for op, rest in ITEMS.items()]


def modelled(body: bytes) -> Any:
    wire = PostingsWire.model_validate(json.loads(body))
    return [item.item() for item in wire.items], wire.deadline_ms


@pytest.mark.parametrize("deadline", [{}, {"deadline_ms": 250}])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_each_kind_is_read_as_the_models_read_it(deadline: dict[str, int], separators: tuple[str, str]) -> None:
    body = json.dumps({"items": items(), **deadline}, separators=separators).encode()
    assert read_postings(body) == modelled(body)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, member in inside for place in places(member, (*path, name)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    result = copy.copy(value)
    result[path[0]] = changed(value[path[0]], path[1:], new)
    return result


def check_never_laxer(body: bytes) -> None:
    try:
        read = read_postings(body)
    except Doubtful:
        return
    try:
        assert read == modelled(body)
    except ValidationError:
        pytest.fail(f"read what the models refuse: {body!r}")


def test_whatever_stands_in_any_place_is_never_taken_where_the_models_refuse_it() -> None:
    whole = {"items": items(), "deadline_ms": 5}
    for path in places(whole):
        for strange in STRANGE:
            check_never_laxer(json.dumps(changed(whole, path, strange)).encode())


def test_members_more_or_fewer_or_twice_are_left_to_the_models() -> None:
    for item in items():
        for name in item:
            short = {key: value for key, value in item.items() if key != name}
            with pytest.raises(Doubtful):
                read_postings(json.dumps({"items": [short]}).encode())
        with pytest.raises(Doubtful):
            read_postings(json.dumps({"items": [item | {"extra": 1}]}).encode())
        twice = json.dumps({"items": [item]}).replace('"op":', '"account_id": "acct_b", "op":').encode()
        with pytest.raises(Doubtful):
            read_postings(twice)


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b'{"items": []}', b'{"items": 5}', b'{"items": [], "more": 1}',
     json.dumps({"items": items()[:1] * (MAX_ITEMS + 1)}).encode(),
     json.dumps({"items": [{"op": [], "account_id": "a"}]}).encode()],
)  # fmt: skip
def test_what_is_no_request_is_left_to_the_models(body: bytes) -> None:
    with pytest.raises(Doubtful):
        read_postings(body)


def test_endings_are_read_as_the_models_read_them_and_no_others() -> None:
    whole = {"items": [ENDING, ENDING | {"outcome": "unknown"}]}
    body = json.dumps(whole).encode()
    assert [(e.account_id, str(e.request_id), e.outcome, e.latency_ms) for e in read_endings(body)] == [
        ("acct_a", ID + "1", "delivered", 7), ("acct_a", ID + "1", "unknown", 7),
    ]  # fmt: skip
    for path in places(whole):
        for strange in STRANGE:
            changed_body = json.dumps(changed(whole, path, strange)).encode()
            try:
                read = read_endings(changed_body)
            except Doubtful:
                continue
            wire = EndingsWire.model_validate(json.loads(changed_body))
            assert read == [Ending(w.account_id, w.request_id, w.outcome, w.latency_ms) for w in wire.items]
