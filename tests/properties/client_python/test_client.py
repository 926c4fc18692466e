"""Whatever is done to a file, the client believes only what was signed; whatever comes back, it sends nothing twice
that may not be; whatever order checks come in, what was seen only grows."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.client_python.signing import AUDIENCE, EXPIRES_AT, FINGERPRINT, NOW, judged, pinned, signed
from tollgate_client import HighWaterFile, Retries, Unreachable, check
from tollgate_client.exchange import Outgoing, Pause, exchange
from tollgate_client.verification import CLOCK_TOLERANCE

FILES = [signed(), signed(encrypted_to=FINGERPRINT)]
WHOLE = {judged(file) for file in FILES}
assert len(WHOLE) == 1
GOOD = WHOLE.pop()


@given(st.text(max_size=300))
def test_no_text_raises_anything_or_is_valid(text: str) -> None:
    assert not judged(text).valid


@given(st.sampled_from(FILES), st.data())
@settings(max_examples=300)
def test_a_changed_file_says_what_was_signed_or_nothing(file: str, data: st.DataObject) -> None:
    """Also where the change is beneath the base64: a byte of claims, signature, algorithm or key's name."""
    inner = bytearray(base64.b64decode("".join(file.splitlines()[1:-1])))
    inner[data.draw(st.integers(0, len(inner) - 1))] = data.draw(st.integers(0, 255))
    text = f"-----BEGIN LICENSE FILE-----\n{base64.b64encode(inner).decode()}\n-----END LICENSE FILE-----"
    assert judged(text) == GOOD or not judged(text).valid


@given(st.sampled_from(FILES), st.data())
def test_a_changed_payload_is_not_believed(file: str, data: st.DataObject) -> None:
    outer = json.loads(base64.b64decode("".join(file.splitlines()[1:-1])))
    payload = bytearray(base64.b64decode(outer["enc"]))
    place = data.draw(st.integers(0, len(payload) - 1))
    payload[place] ^= data.draw(st.integers(1, 255))
    outer["enc"] = base64.b64encode(payload).decode()
    body = base64.b64encode(json.dumps(outer).encode()).decode()
    verdict = judged(f"-----BEGIN LICENSE FILE-----{body}-----END LICENSE FILE-----")
    assert (verdict.code, verdict.claims) == ("BAD_SIGNATURE", None)


MOMENTS = st.integers(0, 40 * 24).map(lambda hours: NOW + timedelta(hours=hours))


@given(st.lists(st.tuples(MOMENTS, st.integers(1, 4)), max_size=12))
@settings(max_examples=40)
def test_no_check_passes_behind_what_was_seen(steps: list[tuple[object, int]]) -> None:
    with TemporaryDirectory() as folder:
        store = HighWaterFile(Path(folder) / "mark", seal_key=b"0123456789abcdef")
        latest, highest = NOW - timedelta(days=1), 0
        for now, sequence in steps:
            verdict = check(
                signed(sequence=sequence),
                store=store,
                public_keys=pinned(),
                audience=AUDIENCE,
                server_id="web-1",
                fingerprint=FINGERPRINT,
                now=now,  # type: ignore[arg-type]
            )
            behind = sequence < highest or now < latest - CLOCK_TOLERANCE  # type: ignore[operator]
            assert (verdict.code == "ROLLED_BACK") == behind
            assert not verdict.valid or now < EXPIRES_AT + timedelta(days=3)  # type: ignore[operator]
            if not behind:
                latest, highest = max(latest, now), max(highest, sequence)  # type: ignore[type-var]


OUTCOMES = st.sampled_from([200, 404, 409, 429, 500, 502, 503, "refused", "cut"])


@given(
    st.lists(OUTCOMES, min_size=8, max_size=8),
    st.booleans(),
    st.integers(1, 5),
    st.one_of(st.none(), st.integers(0, 100)),
)
def test_nothing_is_sent_twice_that_may_have_been_carried_out(
    script: list[int | str], may_repeat: bool, attempts: int, retry_after: int | None
) -> None:
    flow = exchange(Outgoing("POST", "/x", may_repeat=may_repeat), Retries(attempts=attempts))
    sent, waited, last = 0, 0.0, None
    step = next(flow)
    try:
        while True:
            if isinstance(step, Pause):
                waited += step.seconds
                step = flow.send(None)
                continue
            assert may_repeat or last in (None, "refused", 429), "it may have been carried out"
            last, sent = script[sent], sent + 1
            if isinstance(last, str):
                error = httpx.ConnectError("no") if last == "refused" else httpx.ReadError("no")
                step = flow.send(error)
            else:
                headers = {} if retry_after is None else {"retry-after": str(retry_after)}
                step = flow.send(httpx.Response(last, headers=headers))
    except StopIteration as end:
        assert end.value.status_code == last
    except Unreachable:
        assert isinstance(last, str)
    assert sent <= attempts
    assert waited <= Retries().budget_seconds
