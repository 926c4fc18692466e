"""All calls of a process together keep no more of their answers back than they may, and no account more than a part."""

from services.gateway.use_cases.paid_call.kept_back import UNCOUNTED_BYTES, KeptBack


def test_calls_share_what_may_be_kept_and_give_it_back() -> None:
    kept = KeptBack(4_000)
    with kept.share("ours") as first, kept.share("ours") as second:
        assert first.may_be(UNCOUNTED_BYTES + 500)
        assert first.may_be(UNCOUNTED_BYTES + 700)
        assert second.may_be(UNCOUNTED_BYTES + 300)
        assert not second.may_be(UNCOUNTED_BYTES + 301)
        assert kept.left_bytes == 3_000
    assert kept.left_bytes == 4_000


def test_no_account_takes_more_than_a_quarter() -> None:
    kept = KeptBack(4_000)
    with kept.share("greedy") as greedy, kept.share("greedy") as again, kept.share("modest") as modest:
        assert greedy.may_be(UNCOUNTED_BYTES + 1_000)
        assert not again.may_be(UNCOUNTED_BYTES + 1)
        assert modest.may_be(UNCOUNTED_BYTES + 1_000)
    with kept.share("greedy") as later:
        assert later.may_be(UNCOUNTED_BYTES + 1_000), "what was given back may be taken again"


def test_all_accounts_together_take_no_more_than_there_is() -> None:
    kept = KeptBack(4_000)
    shares = [kept.share(f"account {number}") for number in range(5)]
    assert [share.may_be(UNCOUNTED_BYTES + 1_000) for share in shares] == [True] * 4 + [False]
    for share in shares:
        with share:
            pass
    assert kept.left_bytes == 4_000


def test_what_is_handed_on_is_counted_until_that_share_ends() -> None:
    kept = KeptBack(4_000)
    with kept.share("ours") as share:
        assert share.may_be(UNCOUNTED_BYTES + 700)
        later = share.handed_on()
    assert kept.left_bytes == 3_300
    with later:
        pass
    assert kept.left_bytes == 4_000


def test_a_short_answer_is_always_kept() -> None:
    kept = KeptBack(0)
    with kept.share("ours") as share:
        assert share.may_be(UNCOUNTED_BYTES)
        assert not share.may_be(UNCOUNTED_BYTES + 1)
    assert kept.left_bytes == 0
