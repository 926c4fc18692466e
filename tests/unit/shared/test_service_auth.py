"""A token that was verified once is known, and no longer than it lasts; it says of whom, not of which request."""

from dataclasses import replace

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared import service_auth
from shared.errors import DomainError
from shared.service_auth import LEEWAY_SECONDS, TTL_SECONDS, Caller, Minter, Verifier, public_key_of

SEED = b"1" * 32


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a verified token's end is held against."""
    at = [service_auth.time.time()]
    monkeypatch.setattr(service_auth.time, "time", lambda: at[0])
    return at


def test_a_token_known_already_is_refused_once_it_has_ended(now: list[float]) -> None:
    verifier = Verifier("billing", {"gateway": public_key_of(SEED)})
    token = Minter("gateway", SEED).for_service("billing")
    caller = verifier.verify(token)
    now[0] += TTL_SECONDS + LEEWAY_SECONDS - 2
    assert verifier.verify(token) is caller
    now[0] += 3
    checked = []
    verifier._checked = lambda asked: checked.append(asked) or (0.0, caller)  # type: ignore[method-assign, func-returns-value]
    verifier.verify(token)
    assert checked == [token], "past its end it is judged anew"


def test_what_was_refused_is_not_known_and_what_is_known_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_auth, "_VERIFIED_KEPT", 2)
    verifier = Verifier("billing", {"gateway": public_key_of(SEED)})
    token = Minter("gateway", SEED).for_service("billing")
    for _ in range(2):
        with pytest.raises(DomainError):
            verifier.verify(token[:-4] + "AAAA")
    assert not verifier._verified
    for _ in range(3):
        verifier.verify(Minter("gateway", SEED).for_service("billing"))
        assert len(verifier._verified) <= 2


def test_token_of_a_gateway_that_knows_no_mailboxes_is_taken() -> None:
    key = Ed25519PrivateKey.from_private_bytes(SEED)
    token = Minter("gateway", SEED).mint(
        Caller("acct_1", "customer", email_hash="e", domain_hash="d", mailbox_hash="m"), "fraud"
    )
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.pop("mailbox_hash") == "m"
    older = jwt.encode(claims, key, algorithm="EdDSA")
    verified = Verifier("fraud", {"gateway": public_key_of(SEED)}).verify(older)
    assert verified == Caller("acct_1", "customer", email_hash="e", domain_hash="d")


def test_one_token_serves_every_request_of_an_account() -> None:
    tokens, caller = Minter("gateway", SEED), Caller("acct_1", "customer")
    of_a_request = replace(caller, ip="192.0.2.1", user_agent="curl/8", session_hash="s")
    assert tokens.mint(of_a_request, "fraud") == tokens.mint(caller, "fraud")
