"""All calls of a process together keep no more of their answers back than they may."""

from services.gateway.use_cases.paid_call.kept_back import UNCOUNTED_BYTES, KeptBack


def test_calls_share_what_may_be_kept_and_give_it_back() -> None:
    kept = KeptBack(1_000)
    with kept.share() as first, kept.share() as second:
        assert first.may_be(UNCOUNTED_BYTES + 500)
        assert first.may_be(UNCOUNTED_BYTES + 700)
        assert second.may_be(UNCOUNTED_BYTES + 300)
        assert not second.may_be(UNCOUNTED_BYTES + 301)
        assert kept.left_bytes == 0
    assert kept.left_bytes == 1_000


def test_what_is_handed_on_is_counted_until_that_share_ends() -> None:
    kept = KeptBack(1_000)
    with kept.share() as share:
        assert share.may_be(UNCOUNTED_BYTES + 700)
        later = share.handed_on()
    assert kept.left_bytes == 300
    with later:
        pass
    assert kept.left_bytes == 1_000


def test_a_short_answer_is_always_kept() -> None:
    kept = KeptBack(0)
    with kept.share() as share:
        assert share.may_be(UNCOUNTED_BYTES)
        assert not share.may_be(UNCOUNTED_BYTES + 1)
    assert kept.left_bytes == 0
