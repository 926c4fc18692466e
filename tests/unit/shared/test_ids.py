"""Ids keep their bits, their kind and their time."""

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.ids import (
    decode,
    encode,
    first_uuid_at,
    instant_of,
    milliseconds,
    new_id,
    new_id_at,
    new_uuid,
    new_uuid_text_at,
    uuid_text_of,
)

MOMENT = datetime(2026, 11, 21, 12, 0, 0, 123_000, tzinfo=UTC)


@given(st.uuids())
def test_an_id_keeps_its_bits(value: UUID) -> None:
    assert decode("acct", encode("acct", value)) == value


@given(st.text(max_size=40))
def test_no_text_makes_decoding_raise(text: str) -> None:
    decode("acct", text)
    decode("acct", f"acct_{text}")


@given(st.uuids())
def test_its_text_is_the_uuids(value: UUID) -> None:
    assert uuid_text_of("acct", encode("acct", value)) == str(value)


def test_ids_by_milliseconds_are_the_same_ids() -> None:
    at_ms = milliseconds(MOMENT)
    made = decode("req", new_id_at("req", at_ms))
    assert made is not None and instant_of(made) == MOMENT
    assert instant_of(UUID(new_uuid_text_at(at_ms))) == MOMENT


def test_threads_never_draw_the_same() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: new_uuid(at=MOMENT), range(20_000)))
    assert len(set(made)) == len(made)


def test_ids_drawn_as_text_differ_and_use_every_character() -> None:
    at_ms = milliseconds(MOMENT)
    made = [new_id_at("req", at_ms) for _ in range(5_000)]
    assert len(set(made)) == len(made)
    assert all(decode("req", one) is not None for one in made)
    assert len(set("".join(one[-16:] for one in made))) == 32


def test_a_forked_child_draws_its_own() -> None:
    new_uuid(at=MOMENT)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_uuid(at=MOMENT).bytes)
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 16) != new_uuid(at=MOMENT).bytes
    os.close(reading)
    os.close(writing)


def test_another_kind_is_no_id() -> None:
    assert decode("acct", new_id("key", at=MOMENT)) is None


def test_an_id_past_128_bits_is_none() -> None:
    assert decode("acct", "acct_" + "Z" * 26) is None


def test_an_id_names_its_millisecond() -> None:
    assert instant_of(new_uuid(at=MOMENT)) == MOMENT


def test_later_ids_sort_later_as_text_and_bits() -> None:
    earlier, later = new_uuid(at=MOMENT), new_uuid(at=MOMENT + timedelta(milliseconds=1))
    assert earlier < later
    assert encode("txn", earlier) < encode("txn", later)


def test_the_first_id_of_an_instant_is_its_lower_bound() -> None:
    assert first_uuid_at(MOMENT) <= new_uuid(at=MOMENT, entropy=bytes(10))
