"""The guards that fraud's counters hang on."""

from tests.mutations.guard import Guard

_SCRIPT = "services/fraud/store/velocity.lua"
_STORE = "services/fraud/store/velocity.py"
_AGREE = "tests/properties/fraud/test_velocity.py::test_live_counters_and_batch_agree"
_COUNTERS = "tests/integration/fraud/test_velocity.py"

VELOCITY_GUARDS = (
    Guard(
        "a payment that is told again counts once",
        _SCRIPT,
        "if call('SADD', name, number) == 0 then return false end",
        "call('SADD', name, number)",
        (_AGREE,),
    ),
    Guard(
        "a payment from later counts now",
        _SCRIPT,
        "min(now, tonumber(ARGV[next + 2]))",
        "tonumber(ARGV[next + 2])",
        (_AGREE,),
    ),
    Guard(
        "counters prune themselves",
        _SCRIPT,
        "if bucket >= last - count and bucket <= last + count then",
        "if true then",
        (f"{_COUNTERS}::test_old_buckets_are_pruned",),
    ),
    Guard(
        "an entity remembers so many payments a day",
        _SCRIPT,
        "if known > MOST_SEEN then call('SPOP', name) end",
        "",
        (f"{_COUNTERS}::test_what_an_entity_leaves_is_bounded_and_expires",),
    ),
    Guard(
        "a day has no more frauds than payments",
        _SCRIPT,
        "and frauds >= 0 and frauds <= days[d + 1] then",
        "then",
        (f"{_COUNTERS}::test_label_of_a_day_without_payments_is_dropped",),
    ),
    Guard(
        "a label that is repeated counts once",
        _SCRIPT,
        "call(by == 1 and 'SADD' or 'SREM', name, number) == 1",
        "call(by == 1 and 'SADD' or 'SREM', name, number)",
        (f"{_COUNTERS}::test_repeated_label_counts_once_and_the_last_word_holds",),
    ),
    Guard(
        "a judgement waits for Redis no longer than said",
        _STORE,
        "async with asyncio.timeout(self._patience_seconds):",
        "async with asyncio.timeout(60):",
        (f"{_COUNTERS}::test_silent_redis_is_waited_for_no_longer_than_said",),
    ),
    Guard(
        "payments that wait for Redis are bounded",
        _STORE,
        "if len(self._waiting) >= _MOST_WAITING:",
        "if False:",
        (f"{_COUNTERS}::test_queue_is_bounded",),
    ),
)
