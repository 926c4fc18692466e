"""Whether a license file is good, here and now, without network.

`verify` is pure: the same file, keys, time and mark give the same verdict. `check` is `verify` with a memory: it reads
a high-water mark, judges, and keeps what was seen. The first refusal in this order is the verdict:

    MALFORMED             it is no license file
    UNKNOWN_KEY           none of the pinned keys is named
    BAD_SIGNATURE         what is named did not sign it
    FINGERPRINT_MISMATCH  its claims are encrypted to another machine
    WRONG_AUDIENCE        it is for other software
    WRONG_SERVER          it is for another server
    FINGERPRINT_MISMATCH  it is for another machine
    UNKNOWN_KEY           its key was not in use when it was issued
    ROLLED_BACK           an older file, or a clock behind a time that was seen, or a mark with a broken seal
    NOT_YET_VALID         issued more than 5 minutes ahead: the clock is wrong
    REVOKED ...           the platform's signed word after it was issued was a denial
    EXPIRED               its end and its grace are over
    ENTITLEMENTS_MISSING  it does not include all that is asked for
    GRACE, VALID          it holds
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from tollgate_client.high_water import HighWater, Store
from tollgate_client.license_file import Envelope, Malformed, NotReadable, open_envelope
from tollgate_client.public_keys import PublicKeys
from tollgate_client.verdict import Claims, Code, Verdict

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far two clocks that are right may be apart."""


def verify(
    text: str | bytes | None,
    *,
    public_keys: PublicKeys,
    now: datetime,
    audience: str,
    server_id: str,
    fingerprint: str | None = None,
    entitlements: Collection[str] = (),
    high_water: HighWater | None = None,
) -> Verdict:
    """The verdict on a license file's text. `now` is aware; `fingerprint` is this machine's, as it was given when the
    server was activated; `entitlements` are what is asked for. Raises nothing for any text, nor for bytes (read as
    ASCII) or None: what is no license file is MALFORMED."""
    if now.tzinfo is None:
        raise ValueError("now needs its offset: datetime.now(UTC)")
    if isinstance(entitlements, str):
        raise TypeError("entitlements are a collection of names")
    try:
        envelope = open_envelope(text)
        unbelievable = _not_signed(envelope, public_keys)
        if unbelievable is not None:
            return unbelievable
        claims = envelope.claims(fingerprint)
    except Malformed as error:
        return Verdict(Code.MALFORMED, f"This is no license file: {error}.")
    except NotReadable as error:
        return Verdict(Code.FINGERPRINT_MISMATCH, f"This machine can't read the file: {error}.")
    mark = high_water or HighWater()
    refusals = (
        _addressed(claims, audience, server_id, fingerprint),
        _key_in_use(claims, envelope.kid, public_keys),
        _not_rolled_back(claims, now, mark),
        _in_time(claims, now),
        _not_denied(claims, mark),
        _not_expired(claims, now),
        _entitled(claims, entitlements),
    )
    return next((refusal for refusal in refusals if refusal is not None), _granted(claims, now))


def check(
    text: str | bytes | None,
    *,
    store: Store,
    public_keys: PublicKeys,
    audience: str,
    server_id: str,
    fingerprint: str | None = None,
    entitlements: Collection[str] = (),
    now: datetime | None = None,
) -> Verdict:
    """`verify` with what was seen before, and keep what is seen now. Every file for this server that is signed raises
    the mark, also an expired one: what is over stays over when the clock is set back. What is refused as rolled back or
    not yet valid raises nothing. OSError where the mark can't be read or written."""
    at = now or datetime.now(UTC)
    mark = store.read()
    verdict = verify(
        text,
        public_keys=public_keys,
        now=at,
        audience=audience,
        server_id=server_id,
        fingerprint=fingerprint,
        entitlements=entitlements,
        high_water=mark,
    )
    if verdict.claims is not None and verdict.code in _SEEN:
        seen = verdict.claims
        store.keep(mark.raised(now=at, license_id=seen.license_id, server_id=seen.server_id, sequence=seen.sequence))
    return verdict


_SEEN = frozenset({Code.VALID, Code.GRACE, Code.EXPIRED, Code.ENTITLEMENTS_MISSING})


def _not_signed(envelope: Envelope, public_keys: PublicKeys) -> Verdict | None:
    key = public_keys.get(envelope.kid)
    if key is None:
        return Verdict(Code.UNKNOWN_KEY, f"None of the pinned keys is {envelope.kid[:64]!r}.")
    if not key.holds(envelope.signature, envelope.signed):
        return Verdict(Code.BAD_SIGNATURE, "The file was changed, or was not signed by the key that it names.")
    return None


def _addressed(claims: Claims, audience: str, server_id: str, fingerprint: str | None) -> Verdict | None:
    if claims.audience != audience:
        return Verdict(Code.WRONG_AUDIENCE, f"The file is for {claims.audience}.", claims)
    if claims.server_id != server_id:
        return Verdict(Code.WRONG_SERVER, f"The file is for the server {claims.server_id}.", claims)
    if claims.fingerprint is not None and claims.fingerprint != fingerprint:
        return Verdict(Code.FINGERPRINT_MISMATCH, "The file is for a machine with another fingerprint.", claims)
    return None


def _key_in_use(claims: Claims, kid: str, public_keys: PublicKeys) -> Verdict | None:
    if public_keys[kid].was_in_use(claims.issued_at):
        return None
    return Verdict(Code.UNKNOWN_KEY, f"The key {kid} was not in use when the file was issued.", claims)


def _not_rolled_back(claims: Claims, now: datetime, mark: HighWater) -> Verdict | None:
    if mark.is_broken:
        return Verdict(Code.ROLLED_BACK, "What was kept of times and files was changed.", claims)
    known = mark.sequences.get((claims.license_id, claims.server_id), 0)
    if claims.sequence < known:
        told = f"This is file {claims.sequence} of the license; {known} was seen before."
        return Verdict(Code.ROLLED_BACK, told, claims)
    if mark.seen_at is not None and now < mark.seen_at - CLOCK_TOLERANCE:
        return Verdict(Code.ROLLED_BACK, f"The clock was set back: it was {_said(mark.seen_at)} before.", claims)
    return None


def _in_time(claims: Claims, now: datetime) -> Verdict | None:
    if claims.issued_at <= now + CLOCK_TOLERANCE:
        return None
    return Verdict(Code.NOT_YET_VALID, f"The file was issued at {_said(claims.issued_at)}; the clock is wrong.", claims)


def _not_denied(claims: Claims, mark: HighWater) -> Verdict | None:
    """The platform makes files only while a license is good: one that was issued after a denial undoes it."""
    denial = mark.denied.get(claims.license_id)
    if denial is None or claims.issued_at > denial.at:
        return None
    return Verdict(denial.code, f"At {_said(denial.at)} the platform said {denial.code} of this license.", claims)


def _not_expired(claims: Claims, now: datetime) -> Verdict | None:
    if now < claims.ends_at:
        return None
    return Verdict(Code.EXPIRED, f"The license expired at {_said(claims.expires_at)}.", claims)


def _entitled(claims: Claims, wanted: Collection[str]) -> Verdict | None:
    missing = sorted(set(wanted) - claims.entitlements)
    if not missing:
        return None
    return Verdict(Code.ENTITLEMENTS_MISSING, f"The license does not include {', '.join(missing)}.", claims)


def _granted(claims: Claims, now: datetime) -> Verdict:
    if now < claims.expires_at:
        return Verdict(Code.VALID, f"The license is valid until {_said(claims.expires_at)}.", claims)
    told = f"The license expired at {_said(claims.expires_at)}; its grace ends at {_said(claims.ends_at)}."
    return Verdict(Code.GRACE, told, claims)


def _said(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
