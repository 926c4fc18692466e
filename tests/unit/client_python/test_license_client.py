"""Online, only the platform's signed word counts; offline the file's, and what was told before is not forgotten."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.licensing.domain.answer_signature import content_digest, signed_headers
from tests.unit.client_python.signing import AUDIENCE, CLAIMS, FINGERPRINT, KEY, NOW, OTHER_KEY, pinned, signed
from tollgate_client import (
    AsyncLicenseClient,
    Code,
    HighWater,
    HighWaterFile,
    LicenseClient,
    Licensee,
    Offline,
    Problem,
    Retries,
    TollgateError,
    UnexpectedAnswer,
    UntrustedAnswer,
)

LICENSE = {"id": CLAIMS.license_id}
Answering = Callable[[httpx.Request], httpx.Response]


def word(body: object, nonce: str | None, *, key: Any = KEY, status: int = 200, at: Any = NOW) -> httpx.Response:
    """An answer as the platform signs it."""
    data = json.dumps(body).encode()
    headers = signed_headers(key.sign, kid=key.kid, status=status, body=data, nonce=nonce, at=at)
    return httpx.Response(status, content=data, headers=headers)


def verdict_of(code: str) -> dict[str, Any]:
    return {"valid": code in ("VALID", "GRACE"), "code": code, "detail": "So it is.", "license": LICENSE}


def reply_to(request: httpx.Request, code: str = "VALID") -> dict[str, Any]:
    return {**verdict_of(code), "request_digest": content_digest(request.content)}


def answering(code: str = "VALID", **how: Any) -> Answering:
    return lambda request: word(reply_to(request, code), json.loads(request.content)["nonce"], **how)


def away(_request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.fixture
def offline(tmp_path: Path) -> Offline:
    file = tmp_path / "license.txt"
    file.write_text(signed())
    store = HighWaterFile(tmp_path / "mark", seal_key=b"0123456789abcdef")
    return Offline(license_file=file, audience=AUDIENCE, store=store)


def client(handler: Answering, offline: Offline | None = None, now: Any = NOW, keys: Any = None) -> LicenseClient:
    who = Licensee(
        license_key="ab" * 128,
        server_id="web-1",
        public_keys=keys or pinned(),
        fingerprint=FINGERPRINT,
        offline=offline,
        retries=Retries(attempts=2, first_pause_seconds=0),
    )
    http = httpx.Client(transport=httpx.MockTransport(handler))
    return LicenseClient("https://t.example", who, http=http, clock=lambda: now, sleep=lambda _: None)


def test_the_platforms_signed_yes_is_a_yes() -> None:
    verdict = client(answering()).validate(["export"])
    assert (verdict.code, verdict.valid, verdict.source, verdict.license) == ("VALID", True, "server", LICENSE)


def test_the_question_names_server_machine_entitlements_and_a_new_nonce() -> None:
    asked: list[dict[str, Any]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        return answering()(request)

    one = client(handler)
    one.validate(["export"])
    one.validate()
    assert asked[0]["nonce"] != asked[1]["nonce"] and len(asked[0]["nonce"]) == 32
    assert {name: asked[0][name] for name in ("server_id", "fingerprint", "entitlements")} == {
        "server_id": "web-1",
        "fingerprint": FINGERPRINT,
        "entitlements": ["export"],
    }


def unsigned(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=reply_to(request))


def of_another_body(request: httpx.Request) -> httpx.Response:
    """The signature of a no, and the body of a yes."""
    headers = answering("REVOKED")(request).headers
    return httpx.Response(200, json=reply_to(request), headers=headers)


def with_its_own_digest(request: httpx.Request) -> httpx.Response:
    no, yes = answering("REVOKED")(request), answering("VALID", key=OTHER_KEY)(request)
    changed = {"content-digest": yes.headers["content-digest"]}
    return httpx.Response(200, content=yes.content, headers={**no.headers, **changed})


def stolen_status(request: httpx.Request) -> httpx.Response:
    refused = answering(status=403)(request)
    return httpx.Response(200, content=refused.content, headers=refused.headers)


def covering_only(component: str) -> Answering:
    """Rightly signed, but over less: what isn't covered may have been changed."""

    def handler(request: httpx.Request) -> httpx.Response:
        data, nonce = json.dumps(reply_to(request)).encode(), json.loads(request.content)["nonce"]
        covered = {'"@status"': "200", '"content-digest"': content_digest(data)}[component]
        terms = f'({component});created=1801396800;keyid="{KEY.kid}";alg="ed25519";nonce="{nonce}"'
        signature = KEY.sign(f'{component}: {covered}\n"@signature-params": {terms}'.encode())
        headers = {
            "content-digest": content_digest(data),
            "signature-input": f"license={terms}",
            "signature": f"license=:{base64.b64encode(signature).decode()}:",
        }
        return httpx.Response(200, content=data, headers=headers)

    return handler


def in_bad_shape(request: httpx.Request) -> httpx.Response:
    answer = answering()(request)
    answer.headers["signature-input"] = "license=(" * 1000
    return answer


def asking_something_else(request: httpx.Request) -> httpx.Response:
    """Somebody in between has the platform answer, with our nonce, about a license and a machine of theirs."""
    theirs = {**json.loads(request.content), "license_key": "cd" * 128, "fingerprint": "theirs"}
    return answering()(httpx.Request("POST", request.url, json=theirs))


def undecodable(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(b"no gzip"), headers={"content-encoding": "gzip"})


VERBS = ("activate", "deactivate", "heartbeat")
FALSE = {
    "an answer to another question": asking_something_else,
    "unsigned": unsigned,
    "signed by a key of its own": answering(key=OTHER_KEY),
    "signed for another question": lambda request: word(reply_to(request), "an older nonce"),
    "signed for no question": lambda request: word(reply_to(request), None),
    "another body": of_another_body,
    "another body and digest": with_its_own_digest,
    "another status": stolen_status,
    "status not covered": covering_only('"content-digest"'),
    "body not covered": covering_only('"@status"'),
    "nonsense": in_bad_shape,
    "an error page": lambda _: httpx.Response(502, content=b"<html>"),
    "what can't be decoded": undecodable,
    "nobody": away,
}
NO_ANSWER = (FALSE["an error page"], FALSE["nobody"], FALSE["what can't be decoded"])


@pytest.mark.parametrize("handler", FALSE.values(), ids=[name.replace(" ", "-") for name in FALSE])
def test_a_false_server_can_neither_grant_nor_deny(handler: Answering, offline: Offline) -> None:
    alone = client(handler).validate()
    assert (alone.code, alone.valid, alone.source) == (Code.UNREACHABLE, False, "nobody")
    by_file = client(handler, offline).validate()
    assert (by_file.code, by_file.valid, by_file.source) == (Code.VALID, True, "file")
    offline.license_file.write_text(signed(server_id="web-2"))
    assert client(handler, offline).validate().code == Code.WRONG_SERVER


def test_a_retired_key_signs_no_answers() -> None:
    keys = pinned(retired_at=NOW - timedelta(seconds=1))
    assert client(answering(at=NOW - timedelta(days=9)), keys=keys).validate().code == Code.UNREACHABLE


def test_a_denial_is_not_undone_by_cutting_the_line(offline: Offline) -> None:
    assert client(away, offline).validate().valid
    assert client(answering("REVOKED"), offline).validate().code == "REVOKED"
    assert client(away, offline).validate().code == "REVOKED"
    assert client(answering("VALID"), offline).validate().valid
    assert client(away, offline).validate().valid


def test_a_question_that_was_denied_denies_no_other(offline: Offline) -> None:
    assert not client(answering("ENTITLEMENTS_MISSING"), offline).validate(["import"]).valid
    assert client(away, offline).validate(["export"]).valid


def test_the_platforms_time_shows_a_clock_set_back(offline: Offline) -> None:
    client(answering(at=NOW), offline).validate()
    assert client(away, offline, now=NOW - timedelta(days=1)).validate().code == Code.ROLLED_BACK


def test_without_a_file_nobody_can_say(offline: Offline) -> None:
    offline.license_file.unlink()
    assert client(away, offline).validate().code == Code.UNREACHABLE


def granting(request: httpx.Request, activation: dict[str, Any]) -> httpx.Response:
    said = {"activation": activation, "request_digest": content_digest(request.content)}
    return word(said, json.loads(request.content)["nonce"])


@pytest.mark.parametrize("verb", VERBS)
def test_a_seat_is_taken_kept_and_given_back(verb: str) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.path == f"/api/v1/licenses/{verb}"
        body = json.loads(request.content)
        assert body.pop("nonce")
        assert body == {"license_key": "ab" * 128, "server_id": "web-1", "fingerprint": FINGERPRINT}
        return granting(request, {"id": "act_1"})

    assert getattr(client(handler), verb)() == {"id": "act_1"}
    with pytest.raises(UnexpectedAnswer):
        getattr(client(answering()), verb)()


@pytest.mark.parametrize("handler", FALSE.values(), ids=[name.replace(" ", "-") for name in FALSE])
def test_a_false_server_gives_no_seat(handler: Answering) -> None:
    for verb in VERBS:
        with pytest.raises(TollgateError) as raised:
            getattr(client(handler), verb)()
        assert isinstance(raised.value, UntrustedAnswer) or handler in NO_ANSWER


def test_an_activation_may_replace_another_servers() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        return granting(request, {"metadata": body["metadata"], "follows": body["replaces"]})

    made = client(handler).activate({"rack": 7}, replaces="web-0")
    assert made == {"metadata": {"rack": 7}, "follows": "web-0"}


def test_another_servers_seat_is_taken_over() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert body.pop("nonce") and request.url.path == "/api/v1/licenses/activations/transfer"
        return granting(request, body)

    named = {"from_server_id": "web-0", "to_server_id": "web-1", "fingerprint": FINGERPRINT, "license_key": "ab" * 128}
    assert client(handler).transfer_from("web-0") == named
    assert client(handler).transfer_from("web-0", {"rack": 7}) == {**named, "metadata": {"rack": 7}}


def test_a_refused_activation_is_raised_with_its_code() -> None:
    document = {"code": "too_many_activations", "status": 409, "detail": "One of one is in use."}
    kind = {"content-type": "application/problem+json"}
    with pytest.raises(Problem) as raised:
        client(lambda _: httpx.Response(409, json=document, headers=kind)).activate({"host": "a"})
    assert raised.value.code == "too_many_activations"


def seating(*, active: bool) -> Answering:
    return lambda request: granting(request, {"id": "act_1", "license_id": CLAIMS.license_id, "active": active})


def test_a_seat_that_was_given_back_is_none_offline_until_it_is_taken_again(offline: Offline) -> None:
    assert client(away, offline).validate().valid
    client(seating(active=False), offline).deactivate()
    assert client(away, offline).validate().code == Code.NOT_ACTIVATED
    client(seating(active=True), offline).activate()
    assert client(away, offline).validate().valid


def test_a_new_seat_undoes_a_denial_of_the_same_second(offline: Offline) -> None:
    """Asked, denied, activated, and a file got: all within a second of the platform's clock."""
    assert client(answering("NOT_ACTIVATED"), offline).validate().code == Code.NOT_ACTIVATED
    client(seating(active=True), offline).activate()
    made = httpx.Response(201, json={"file": signed(issued_at=NOW, sequence=3)})
    assert client(lambda _: made, offline).renew_file("lic_1").valid


def test_a_lease_that_ended_has_ended_offline_too(offline: Offline) -> None:
    assert client(answering("HEARTBEAT_DEAD"), offline).validate().code == Code.HEARTBEAT_DEAD
    assert client(away, offline).validate().code == Code.HEARTBEAT_DEAD
    client(seating(active=True), offline).heartbeat()
    assert client(away, offline).validate().valid


class Full:
    """A store on a disk that is full."""

    def read(self) -> HighWater:
        return HighWater()

    def keep(self, mark: HighWater) -> None:
        raise OSError(28, "No space left on device")


def test_a_store_that_fails_undoes_no_signed_word_and_lets_no_file_pass(offline: Offline) -> None:
    full = replace(offline, store=Full())
    assert client(answering(), full).validate().valid
    assert client(answering("REVOKED"), full).validate().code == Code.REVOKED
    by_file = client(away, full).validate()
    assert (by_file.code, by_file.source) == (Code.UNREACHABLE, "nobody")


def test_a_new_file_replaces_the_old_one_only_if_it_is_good(offline: Offline) -> None:
    def handing_out(text: str) -> Answering:
        def handler(request: httpx.Request) -> httpx.Response:
            assert json.loads(request.content)["fingerprint"] == FINGERPRINT
            return httpx.Response(201, json={"file": text, "expires_at": "2027-02-28T12:00:00Z"})

        return handler

    newer, foreign = signed(sequence=3), signed(server_id="web-2")
    assert client(handing_out(foreign), offline).renew_file("lic_1").code == Code.WRONG_SERVER
    assert offline.license_file.read_text() == signed()
    with pytest.raises(UnexpectedAnswer):
        client(lambda _: httpx.Response(201, json=[]), offline).renew_file("lic_1")
    assert client(handing_out(newer), offline).renew_file("lic_1").valid
    assert offline.license_file.read_text() == newer


async def test_the_other_client_does_the_same(offline: Offline) -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        return answering("GRACE")(request)

    who = Licensee(license_key="ab" * 128, server_id="web-1", public_keys=pinned(), offline=offline)
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    async with AsyncLicenseClient("https://t.example", who, http=http, clock=lambda: NOW) as one:
        assert (await one.validate()).code == "GRACE"


def test_no_repr_holds_the_key() -> None:
    who = Licensee(license_key="ab" * 128, server_id="web-1", public_keys=pinned())
    store = HighWaterFile("mark", seal_key=b"the program's secret")
    shown = [who, LicenseClient("https://t.example", who), store, Offline(Path("license.txt"), AUDIENCE, store)]
    assert "abab" not in str(shown) and "secret" not in str(shown)


def test_a_verdict_prints_as_its_code_and_why() -> None:
    verdict = client(answering("NEWER_CODE")).validate()
    assert str(verdict) == "NEWER_CODE: So it is." and not verdict.valid
    assert client(answering()).validate().code is Code.VALID


def test_one_name_is_no_list_of_entitlements() -> None:
    with pytest.raises(TypeError, match="collection"):
        client(answering()).validate("export")
