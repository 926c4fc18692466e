"""Signatures of webhooks."""

from datetime import UTC, datetime, timedelta

import pytest
import stripe

from services.billing.domain.webhook_signature import is_signed, sign

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BODY = b'{"id": "evt_1"}'
SECRET = "whsec_one"


def _signed(header: str, *, now: datetime = NOW, secrets: tuple[str, ...] = (SECRET,), body: bytes = BODY) -> bool:
    return is_signed(body, header, secrets=secrets, now=now)


def test_own_and_stripes_signatures_are_the_same() -> None:
    theirs = stripe.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, int(NOW.timestamp()))
    assert sign(BODY, secret=SECRET, at=NOW) == theirs
    assert _signed(theirs)


def test_any_of_several_secrets_and_any_of_several_signatures_will_do() -> None:
    header = sign(BODY, secret=SECRET, at=NOW)
    assert _signed(header, secrets=("whsec_other", SECRET))
    stamp, good = header.split(",")
    assert _signed(f"{stamp},v1=00,{good},v0=00")
    assert not _signed(header, secrets=("whsec_other",))
    assert not _signed(header, secrets=())


@pytest.mark.parametrize(("seconds", "fresh"), [(300, True), (301, False), (-300, True), (-301, False), (0, True)])
def test_stamp_may_be_off_by_300_seconds_either_way(seconds: int, fresh: bool) -> None:
    header = sign(BODY, secret=SECRET, at=NOW)
    assert _signed(header, now=NOW + timedelta(seconds=seconds)) is fresh


def test_empty_secret_signs_nothing() -> None:
    assert not _signed(sign(BODY, secret="", at=NOW), secrets=("",))


def test_one_changed_byte_breaks_the_signature() -> None:
    header = sign(BODY, secret=SECRET, at=NOW)
    for place in range(len(BODY)):
        changed = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert not _signed(header, body=changed)
