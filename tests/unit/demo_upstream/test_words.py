"""The stand-in's replies and what they count as."""

from hypothesis import given
from hypothesis import strategies as st

from deploy.local.demo_upstream.calls import MOST_PATHS, OTHERS, Calls
from deploy.local.demo_upstream.words import count_prompt, count_tokens, reply_to


@given(st.text(max_size=300))
def test_reply_counts_as_its_own_tokens(prompt: str) -> None:
    reply = reply_to(prompt, most_tokens=None)
    assert count_tokens(reply.text) == len(reply.tokens)
    assert reply == reply_to(prompt, most_tokens=None)


@given(st.text(max_size=100), st.integers(1, 40))
def test_reply_never_passes_its_bound(prompt: str, most_tokens: int) -> None:
    whole = reply_to(prompt, most_tokens=None)
    cut = reply_to(prompt, most_tokens=most_tokens)
    assert cut.tokens == whole.tokens[:most_tokens]
    assert cut.was_cut == (len(whole.tokens) > most_tokens)


def test_prompt_may_ask_for_a_length() -> None:
    assert count_tokens(reply_to("words=200 please", most_tokens=None).text) == 201


def test_earliest_stop_ends_the_reply() -> None:
    words = reply_to("hello", most_tokens=None).text.split()
    reply = reply_to("hello", most_tokens=None, stops=[words[5], words[2]])
    assert reply.stopped_by == words[2] and reply.text.split() == words[:2]


def test_each_message_of_a_prompt_costs_its_text_and_four_tokens() -> None:
    assert count_prompt(["Hello, world!"]) == 3 + 4 + 4
    assert count_prompt(["Hello, world!", ""]) == 3 + 4 + 4 + 4


def test_different_paths_are_counted_up_to_a_bound() -> None:
    calls = Calls()
    for number in range(MOST_PATHS + 5):
        calls.count(f"/echo/{number}")
    counted = calls.as_json("")
    assert counted["total"] == MOST_PATHS + 5
    assert counted["paths"][OTHERS] == 5  # type: ignore[index]
    assert calls.as_json("/echo/9999") == {"total": 1, "paths": {"/echo/9999": 1}}
