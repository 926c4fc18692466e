from services.gateway.domain.admission import AbuseRule, Decision, KeyState, admit, allowance_of, debit, share_of

RULE = AbuseRule(refused_calls=3, window_ms=60_000)
NOW = 1_800_000_000_000
ALLOWANCE = allowance_of(100, 10_000)


def calls(count: int, state: KeyState, now_ms: int) -> tuple[int, KeyState]:
    admitted = 0
    for _ in range(count):
        admission, state = admit(state, ALLOWANCE, RULE, now_ms=now_ms)
        admitted += admission.decision is Decision.ADMITTED
    return admitted, state


def test_a_hundred_at_once_then_a_hundred_a_minute() -> None:
    admitted, state = calls(130, KeyState(), NOW)
    assert admitted == 100
    assert calls(10, state, NOW + 599)[0] == 0
    assert calls(10, state, NOW + 600)[0] == 1
    assert calls(500, state, NOW + 60_000)[0] == 100


def test_refilling_in_steps_is_refilling_at_once() -> None:
    _, emptied = calls(100, KeyState(), NOW)
    stepped, passed = emptied, 0
    for step in range(1, 61):
        admitted, stepped = calls(5, stepped, NOW + step * 1_000)
        passed += admitted
    assert passed == 100


def test_a_clock_that_goes_back_gives_nothing() -> None:
    _, state = calls(100, KeyState(), NOW)
    assert calls(1, state, NOW - 30_000)[0] == 0


def test_headers_say_what_is_left_and_when_it_is_full() -> None:
    admission, _ = admit(KeyState(), ALLOWANCE, RULE, now_ms=NOW)
    assert admission.headers() == [
        (b"ratelimit-policy", b'"minute";q=100;w=60, "day";q=10000;w=86400'),
        (b"ratelimit", b'"minute";r=99;t=1, "day";r=9999;t=9'),
    ]


def test_retry_after_is_when_every_bucket_has_one() -> None:
    daily = allowance_of(100, 1)
    _, state = admit(KeyState(), daily, RULE, now_ms=NOW)
    limited, _ = admit(state, daily, RULE, now_ms=NOW)
    assert limited.decision is Decision.LIMITED
    assert limited.retry_after_seconds == 86_400


def test_refused_calls_are_counted_within_their_window_only() -> None:
    _, state = calls(102, KeyState(), NOW)
    assert state.refused == 2
    _, emptied = calls(100, state, NOW + 70_000)
    again, _ = admit(emptied, ALLOWANCE, RULE, now_ms=NOW + 70_000)
    assert again.refused == 1


def test_no_limits_no_headers() -> None:
    admission, _ = admit(KeyState(), allowance_of(None, None), RULE, now_ms=NOW)
    assert admission.decision is Decision.ADMITTED
    assert admission.headers() == []


def test_a_share_is_never_nothing() -> None:
    assert [one.capacity for one in share_of(allowance_of(3, 400), processes=4).buckets] == [1, 100]


def test_calls_admitted_elsewhere_are_counted_as_far_as_the_buckets_hold_them() -> None:
    assert calls(100, debit(KeyState(), ALLOWANCE, calls=40, now_ms=NOW), NOW)[0] == 60
    emptied = debit(KeyState(), ALLOWANCE, calls=5_000, now_ms=NOW)
    assert emptied.levels["minute"].units == 0
    assert calls(1, emptied, NOW + 600)[0] == 1
