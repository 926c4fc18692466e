"""A license asked about: the flows of each question, for the clients that block and those that are awaited.

    from the platform                          `validate` answers
    a signed verdict                           that verdict, yes or no
    no answer, or one without its signature    the license file's verdict where `offline` is given, else UNREACHABLE

So whoever is not the platform can neither grant nor deny; who cuts the line gets the file's answer, which ends by
itself. What the platform says is kept in the store: its time, and its denials, which a file from before doesn't undo.
"""

import contextlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from tollgate_client import views
from tollgate_client.calls.call import json_of, path_part, problem_of, sending, without_none
from tollgate_client.errors import TollgateError, UnexpectedAnswer, UntrustedAnswer
from tollgate_client.exchange import Flow, exchange
from tollgate_client.high_water import HighWater
from tollgate_client.high_water_file import replace_file
from tollgate_client.licensee import Clock, Licensee, Metadata, Offline, utc_now
from tollgate_client.signed_answer import Heard, digest_of, draw_nonce, signed_at
from tollgate_client.verdict import Code, Verdict, code_of
from tollgate_client.verification import check, verify

REMEMBERED = frozenset(
    {Code.REVOKED, Code.SUSPENDED, Code.NOT_ACTIVATED, Code.TOO_MANY_ACTIVATIONS, Code.HEARTBEAT_DEAD}
)
"""Denials that stay when the line is cut. The others depend on what was asked, or a file tells them by itself."""


@dataclass(frozen=True)
class Asker:
    """One licensee's questions to the platform at `prefix`."""

    who: Licensee
    prefix: str
    clock: Clock = utc_now

    def validate(self, entitlements: Collection[str] = ()) -> Flow[Verdict]:
        """Whether the license is good for this server, now, and includes these entitlements: always a verdict."""
        if isinstance(entitlements, str):
            raise TypeError("entitlements are a collection of names")
        wanted: dict[str, object] = {"entitlements": sorted(entitlements)} if entitlements else {}
        try:
            told, at = yield from self._asked("validate", wanted)
        except TollgateError as error:
            return _without_the_platform(self.who, entitlements, error, self.clock())
        license = told.get("license") if isinstance(told.get("license"), dict) else None
        verdict = Verdict(code_of(told.get("code")), str(told.get("detail")), None, "server", license)
        is_kept = license is not None and (verdict.valid or verdict.code in REMEMBERED)
        self._remember(
            server_time=at,
            license_id=license.get("id") if license is not None and is_kept else None,
            denial=None if verdict.valid else verdict.code,
        )
        return verdict

    def activate(self, metadata: Metadata | None = None, *, replaces: str | None = None) -> Flow[views.Activation]:
        """Take a seat for this server, the same one again where it has one; `replaces` is a server whose seat is given
        back for it. `Problem` `too_many_activations`, `license_invalid`."""
        return self._activation("activate", without_none(metadata=metadata and dict(metadata), replaces=replaces))

    def deactivate(self) -> Flow[views.Activation]:
        """Give the seat back."""
        return self._activation("deactivate", {})

    def heartbeat(self) -> Flow[views.Activation]:
        """Say that this server lives, so that it keeps its seat."""
        return self._activation("heartbeat", {})

    def transfer_from(self, server_id: str, metadata: Metadata | None = None) -> Flow[views.Activation]:
        """Take that server's seat over for this one, with its metadata where none is given. `Problem`
        `license_invalid` where that server has none."""
        named = {"from_server_id": server_id, "to_server_id": self.who.server_id, "server_id": None}
        return self._activation("activations/transfer", {**named, **without_none(metadata=metadata and dict(metadata))})

    def renew_file(self, license_id: str, *, ttl_seconds: int | None = None, encrypted: bool = False) -> Flow[Verdict]:
        """Get a new license file. It takes the old one's place only if it is good here; the verdict says."""
        offline = self.who.offline
        if offline is None:
            raise ValueError("a license file needs its place: give `offline`")
        body = {**_named(self.who), **without_none(ttl_seconds=ttl_seconds, encrypted=encrypted or None)}
        outgoing = sending("POST", self._url(f"{path_part(license_id)}/file"), body, may_repeat=True)
        answer = yield from exchange(outgoing, self.who.retries)
        if not answer.is_success:
            raise problem_of(answer)
        text = _member(json_of(answer), "file", str)
        verdict = verify(text, now=self.clock(), **_terms(self.who, offline), high_water=offline.store.read())
        if verdict.valid:
            replace_file(offline.license_file, text.encode())
        return verdict

    def _activation(self, verb: str, more: Mapping[str, object]) -> Flow[views.Activation]:
        """Each may be asked again: it does the same once. The store remembers it: a seat that was given back is none
        offline either, and one that was granted undoes what was denied before."""
        told, at = yield from self._asked(verb, more)
        activation: views.Activation = _member(told, "activation", dict)
        denial = None if activation.get("active") else Code.NOT_ACTIVATED
        self._remember(server_time=at, license_id=activation.get("license_id"), denial=denial)
        return activation

    def _remember(self, *, server_time: datetime, license_id: str | None, denial: str | None) -> None:
        """After a signed answer, where a mark that was broken may begin anew. A store that fails undoes no answer."""
        if self.who.offline is None:
            return
        store = self.who.offline.store
        with contextlib.suppress(OSError):
            mark = store.read()
            known = HighWater() if mark.is_broken else mark
            store.keep(known.told(server_time=server_time, license_id=license_id, denial=denial))

    def _asked(self, verb: str, wanted: Mapping[str, object]) -> Flow[tuple[dict[str, Any], datetime]]:
        """What the platform says, and when, by its signature."""
        nonce = draw_nonce()
        # The digest is of the bytes that travel, so they must not be compressed.
        plain = {"Accept-Encoding": "identity"}
        question = without_none(**{**_named(self.who), **wanted, "nonce": nonce})
        outgoing = sending("POST", self._url(verb), question, plain, may_repeat=True)
        answer = yield from exchange(outgoing, self.who.retries)
        if not answer.is_success:
            raise problem_of(answer)
        heard = Heard(answer.status_code, answer.headers, answer.content)
        at = signed_at(heard, public_keys=self.who.public_keys, nonce=nonce, now=self.clock())
        told = json_of(answer)
        if not isinstance(told, dict) or told.get("request_digest") != digest_of(outgoing.content or b""):
            raise UntrustedAnswer("the answer is to another question")
        return told, at

    def _url(self, below: str) -> str:
        return f"{self.prefix}/api/v1/licenses/{below}"


def _named(who: Licensee) -> dict[str, object]:
    named: dict[str, object] = {"license_key": who.license_key, "server_id": who.server_id}
    return named if who.fingerprint is None else {**named, "fingerprint": who.fingerprint}


def _without_the_platform(who: Licensee, entitlements: Collection[str], error: TollgateError, now: datetime) -> Verdict:
    why = f"The platform gave no word to believe ({error})."
    if who.offline is None:
        return Verdict(Code.UNREACHABLE, why, None, "nobody")
    try:
        text = who.offline.license_file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return Verdict(Code.UNREACHABLE, f"{why} There is no license file.", None, "nobody")
    terms = _terms(who, who.offline)
    try:
        verdict = check(text, store=who.offline.store, now=now, entitlements=entitlements, **terms)
    except OSError as failure:
        told = f"{why} What was seen before can't be kept ({type(failure).__name__})."
        return Verdict(Code.UNREACHABLE, told, None, "nobody")
    return replace(verdict, detail=f"{why} {verdict.detail}")


def _terms(who: Licensee, offline: Offline) -> dict[str, Any]:
    return {
        "public_keys": who.public_keys,
        "audience": offline.audience,
        "server_id": who.server_id,
        "fingerprint": who.fingerprint,
    }


def _member(told: Any, name: str, kind: type) -> Any:
    """A member of an answer's object; `UnexpectedAnswer` where there is no such one."""
    found = told.get(name) if isinstance(told, dict) else None
    if not isinstance(found, kind):
        raise UnexpectedAnswer(f"no {name} in the answer")
    return found
