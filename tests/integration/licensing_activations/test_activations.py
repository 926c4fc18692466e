"""Seats taken, kept, handed on and given back, by servers that bear a license key."""

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.licensing.domain.license import AdminState, BillingState, License
from services.licensing.domain.license_step import Action
from shared.telemetry import configure_logging
from tests.integration.licensing_activations.conftest import (
    DAY,
    OPERATOR,
    BusinessClock,
    Office,
    at_once,
    opened_office,
    refused_with,
    seat_of,
    verdict_of,
)
from tollgate_client.public_keys import PublicKey
from tollgate_client.signed_answer import Heard, digest_of, signed_at

LEASE = 60


async def test_of_fifty_servers_at_once_one_has_the_seat(office: Office) -> None:
    held = await office.license()
    answers = await at_once(*(office.bear("activate", held.key, f"server-{n}") for n in range(50)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 49}
    refused = next(answer for answer in answers if answer.status_code == 409)
    problem = refused_with(refused, 409, "too_many_activations")
    assert (problem["active"], problem["max_activations"]) == (1, 1)
    assert len(await office.open_rows(held)) == 1


async def test_same_server_has_the_same_activation_also_at_once(office: Office) -> None:
    held = await office.license()
    answers = await at_once(*(office.bear("activate", held.key.upper(), "web-1") for _ in range(10)))
    assert len({seat_of(answer)["id"] for answer in answers}) == 1
    assert len(await office.open_rows(held)) == 1
    assert await office.verdict(held.key, "web-1") == "VALID"
    assert await office.verdict(held.key, "web-2") == "NOT_ACTIVATED"


async def test_fingerprint_is_taken_up_once_and_then_kept(office: Office) -> None:
    held = await office.license()
    assert seat_of(await office.bear("activate", held.key, "web-1"))["fingerprint"] is None
    assert seat_of(await office.bear("activate", held.key, "web-1", fingerprint="f"))["fingerprint"] == "f"
    assert seat_of(await office.bear("heartbeat", held.key, "web-1", fingerprint="f"))["fingerprint"] == "f"
    for what in ("activate", "heartbeat", "deactivate"):
        assert verdict_of(await office.bear(what, held.key, "web-1", fingerprint="g")) == "FINGERPRINT_MISMATCH"


async def test_what_was_activated_with_a_fingerprint_asks_for_it(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1", fingerprint="f"))
    for sent, code in (({}, "FINGERPRINT_MISMATCH"), ({"fingerprint": "f"}, "VALID")):
        assert await office.verdict(held.key, "web-1", **sent) == code
    for what in ("activate", "heartbeat"):
        assert verdict_of(await office.bear(what, held.key, "web-1")) == "FINGERPRINT_MISMATCH"
    path = f"/api/v1/licenses/{held.id}/explain?server_id=web-1"
    assert (await office.as_account(held.owner, "GET", path)).json()["code"] == "VALID", "it asks in the server's place"
    assert (await office.as_account(held.owner, "GET", f"{path}&fingerprint=g")).json()["valid"] is False
    assert not seat_of(await office.bear("deactivate", held.key, "web-1"))["active"]


async def test_what_is_granted_is_signed_for_its_question(office: Office) -> None:
    held = await office.license()
    key = {each["kid"]: each for each in (await office.http.get("/api/v1/licenses/public-keys")).json()["data"]}
    public_keys = {kid: PublicKey(base64.b64decode(each["public_key"])) for kid, each in key.items()}
    answers = [await office.bear(what, held.key, "web-1", nonce=what) for what in ("activate", "heartbeat")]
    answers.append(await office.transfer(held.key, "web-1", "web-2", nonce="transfer"))
    answers.append(await office.bear("deactivate", held.key, "web-2", nonce="deactivate"))
    for answer in answers:
        seat_of(answer)
        nonce = answer.json()["nonce"]
        heard = Heard(answer.status_code, answer.headers, answer.content)
        assert signed_at(heard, public_keys=public_keys, nonce=nonce, now=office.clock.now())
        assert answer.json()["request_digest"] == digest_of(answer.request.content)
    assert [answer.json()["nonce"] for answer in answers] == ["activate", "heartbeat", "transfer", "deactivate"]
    assert "nonce" not in (await office.bear("activate", held.key, "web-2")).json()
    for wrong in ("", 'a"b', "a" * 129):
        refused_with(await office.bear("heartbeat", held.key, "web-2", nonce=wrong), 422, "validation_failed")


async def test_metadata_is_kept_and_bounded(office: Office) -> None:
    held = await office.license()
    metadata = {"os": "linux", "cpus": 8, "cloud": True, "rack": None}
    assert seat_of(await office.bear("activate", held.key, "web-1", metadata=metadata))["metadata"] == metadata
    assert seat_of(await office.bear("activate", held.key, "web-1"))["metadata"] == metadata
    bad_ones: list[object] = [
        {"a": ["b"]},
        {"a": "b" * 501},
        {"a" * 41: "b"},
        {"": "b"},
        {"a": 1.5},
        {"a": 2**60},
        {"a": "\0"},
        {str(n): n for n in range(21)},
        [],
    ]
    for bad in bad_ones:
        refused_with(await office.bear("activate", held.key, "web-1", metadata=bad), 422, "validation_failed")


async def test_seat_given_back_is_free_and_history_stays(office: Office) -> None:
    held = await office.license()
    first = seat_of(await office.bear("activate", held.key, "web-1"))
    gone = seat_of(await office.bear("deactivate", held.key, "web-1"))
    assert gone["id"] == first["id"] and gone["ending"] == "deactivated" and not gone["active"]
    assert seat_of(await office.bear("deactivate", held.key, "web-1"))["deactivated_at"] == gone["deactivated_at"]
    assert await office.verdict(held.key, "web-1") == "NOT_ACTIVATED"
    assert verdict_of(await office.bear("heartbeat", held.key, "web-1")) == "NOT_ACTIVATED"
    seat_of(await office.bear("activate", held.key, "web-2"))
    refused_with(await office.bear("activate", held.key, "web-1"), 409, "too_many_activations")
    assert verdict_of(await office.bear("deactivate", held.key, "web-3")) == "NOT_ACTIVATED"
    listed = await office.as_account(held.owner, "GET", f"/api/v1/licenses/{held.id}/activations")
    assert [(seat["server_id"], seat["active"]) for seat in listed.json()["data"]] == [
        ("web-2", True),
        ("web-1", False),
    ]


async def test_key_that_was_not_made_here_is_refused_without_a_look_up(office: Office) -> None:
    held = await office.license()
    for half in (0, -1):
        digits = list(held.key)
        digits[half] = "0" if digits[half] != "0" else "1"
        assert verdict_of(await office.bear("activate", "".join(digits), "web-1")) == "BAD_SIGNATURE"
    for key, code in (("nonsense", "MALFORMED"), ("", "MALFORMED"), ("0" * 256, "BAD_SIGNATURE")):
        assert verdict_of(await office.bear("activate", key, "web-1")) == code


async def test_license_that_is_not_valid_is_not_activated(office: Office) -> None:
    changes: list[tuple[dict[str, object], str]] = [
        ({"billing_state": BillingState.PENDING}, "PENDING"),
        ({"billing_state": BillingState.SUSPENDED}, "SUSPENDED"),
        ({"billing_state": BillingState.REVOKED}, "REVOKED"),
        ({"admin_state": AdminState.REVOKED}, "REVOKED"),
    ]
    for changed, code in changes:
        held = await office.license(**changed)
        assert verdict_of(await office.bear("activate", held.key, "web-1")) == code


async def test_expired_key_is_not_activated_but_its_seat_can_be_given_back(office: Office) -> None:
    held = await office.license(max_activations=2)
    seat_of(await office.bear("activate", held.key, "web-1"))
    office.clock.ahead = 30 * DAY
    seat_of(await office.bear("activate", held.key, "web-2"))  # in grace
    office.clock.ahead = 33 * DAY
    assert verdict_of(await office.bear("activate", held.key, "web-2")) == "EXPIRED"
    assert verdict_of(await office.bear("heartbeat", held.key, "web-1")) == "EXPIRED"
    assert seat_of(await office.bear("deactivate", held.key, "web-1"))["active"] is False


async def test_activation_and_revocation_at_once_end_without_a_seat_that_works(office: Office) -> None:
    held = await office.license(max_activations=20)

    def revoke(license: License) -> License:
        return replace(license, admin_state=AdminState.REVOKED)

    asked = [office.bear("activate", held.key, f"server-{n}") for n in range(10)]
    *answers, _ = await at_once(*asked[:5], *asked[5:], office.changed(held, Action.REVOKED, revoke))
    assert {answer.status_code for answer in answers} <= {200, 403}
    for n, answer in enumerate(answers):
        assert answer.status_code == 200 or verdict_of(answer) == "REVOKED"
        assert await office.verdict(held.key, f"server-{n}") == "REVOKED"
    assert verdict_of(await office.bear("activate", held.key, "server-99")) == "REVOKED"


async def test_activation_and_deactivation_at_once_leave_one_truth(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "web-1"))
    for _ in range(5):
        taken, _given = await at_once(
            office.bear("activate", held.key, "web-2"), office.bear("deactivate", held.key, "web-1")
        )
        holders = {row.server_id for row in await office.open_rows(held)}
        assert holders == ({"web-2"} if taken.status_code == 200 else set())
        await office.bear("deactivate", held.key, "web-2")
        seat_of(await office.bear("activate", held.key, "web-1"))


async def test_dead_lease_frees_its_seat_and_a_returning_zombie_competes(office: Office) -> None:
    held = await office.license(lease_seconds=LEASE)
    first = seat_of(await office.bear("activate", held.key, "web-1", fingerprint="f"))
    assert first["lease_until"]
    office.clock.ahead = timedelta(seconds=LEASE - 5)
    assert seat_of(await office.bear("heartbeat", held.key, "web-1", fingerprint="f"))["id"] == first["id"]
    refused_with(await office.bear("activate", held.key, "web-2"), 409, "too_many_activations")
    office.clock.ahead += timedelta(seconds=LEASE)
    assert await office.verdict(held.key, "web-1", fingerprint="f") == "HEARTBEAT_DEAD"
    seat_of(await office.bear("activate", held.key, "web-2"))
    assert await office.verdict(held.key, "web-2") == "VALID"
    assert await office.verdict(held.key, "web-1", fingerprint="f") == "HEARTBEAT_DEAD"
    assert await office.verdict(held.key, "web-3") == "NOT_ACTIVATED"
    refused_with(await office.bear("heartbeat", held.key, "web-1", fingerprint="f"), 409, "too_many_activations")
    office.clock.ahead += timedelta(seconds=LEASE)
    back = seat_of(await office.bear("heartbeat", held.key, "web-1", fingerprint="f"))
    assert back["id"] != first["id"] and back["fingerprint"] == "f"
    assert await office.verdict(held.key, "web-1", fingerprint="f") == "VALID"


async def test_zombie_that_gives_its_seat_back_is_not_activated(office: Office) -> None:
    held = await office.license(lease_seconds=LEASE)
    seat_of(await office.bear("activate", held.key, "web-1"))
    office.clock.ahead = timedelta(seconds=LEASE)
    seat_of(await office.bear("activate", held.key, "web-2"))
    seat_of(await office.bear("deactivate", held.key, "web-1"))
    assert await office.verdict(held.key, "web-1") == "NOT_ACTIVATED"


@pytest.fixture
def heard() -> Iterator[list[Any]]:
    """The log's lines from `info` on."""
    configure_logging("tests", "info")
    with capture_logs() as lines:
        yield lines
    configure_logging("tests", "warning")


async def test_log_of_licenses_tells_the_life_of_seats_and_no_key(office: Office, heard: list[Any]) -> None:
    held = await office.license(lease_seconds=LEASE)
    one = seat_of(await office.bear("activate", held.key, "one"))["id"]
    seat_of(await office.bear("activate", held.key, "one"))
    seat_of(await office.bear("heartbeat", held.key, "one"))
    two = seat_of(await office.transfer(held.key, "one", "two"))["id"]
    await office.verdict(held.key, "one")
    office.clock.ahead = timedelta(seconds=LEASE)
    three = seat_of(await office.bear("activate", held.key, "three"))["id"]
    seat_of(await office.bear("deactivate", held.key, "three"))
    seat_of(await office.bear("deactivate", held.key, "three"))
    told = [line for line in heard if line.get("stream") == "licenses" and line["event"] != "license_changed"]
    assert [(line["event"], line.get("activation"), line.get("ending") or line.get("code")) for line in told] == [
        ("activation_began", one, None),
        ("activation_ended", one, "transferred"),
        ("activation_began", two, None),
        ("license_refused", None, "NOT_ACTIVATED"),
        ("activation_ended", two, "lease_over"),
        ("activation_began", three, None),
        ("activation_ended", three, "deactivated"),
    ]
    assert {line["license"] for line in told} == {held.id} and held.key not in str(heard)


async def test_of_zombies_that_return_at_once_one_has_the_seat(office: Office) -> None:
    held = await office.license(lease_seconds=LEASE, max_activations=3)
    for n in range(3):
        seat_of(await office.bear("activate", held.key, f"server-{n}"))
    await office.changed(held, Action.CHANGED, lambda license: replace(license, max_activations=1))
    office.clock.ahead = timedelta(seconds=LEASE)
    answers = await at_once(*(office.bear("heartbeat", held.key, f"server-{n}") for n in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_leases_of_an_earlier_plan_are_forgotten(office: Office) -> None:
    held = await office.license(lease_seconds=LEASE)
    seat_of(await office.bear("activate", held.key, "web-1"))
    await office.changed(held, Action.CHANGED, lambda license: replace(license, lease_seconds=None))
    office.clock.ahead = DAY
    assert await office.verdict(held.key, "web-1") == "VALID"
    refused_with(await office.bear("activate", held.key, "web-2"), 409, "too_many_activations")


async def test_zombie_of_an_earlier_plan_holds_no_seat(office: Office) -> None:
    held = await office.license(lease_seconds=LEASE, max_activations=2)
    seat_of(await office.bear("activate", held.key, "web-1"))
    office.clock.ahead = timedelta(seconds=LEASE)
    seat_of(await office.bear("activate", held.key, "web-2"))
    await office.changed(held, Action.CHANGED, lambda license: replace(license, lease_seconds=None))
    assert await office.verdict(held.key, "web-1") == "NOT_ACTIVATED"


async def test_downgrade_below_what_is_active_keeps_the_seats_and_validates_none(office: Office) -> None:
    held = await office.license(max_activations=3)
    for n in range(3):
        seat_of(await office.bear("activate", held.key, f"server-{n}"))
    await office.changed(held, Action.CHANGED, lambda license: replace(license, max_activations=2))
    assert await office.verdict(held.key, "server-0") == "TOO_MANY_ACTIVATIONS"
    seat_of(await office.bear("activate", held.key, "server-0"))
    problem = refused_with(await office.bear("activate", held.key, "server-9"), 409, "too_many_activations")
    assert (problem["active"], problem["max_activations"]) == (3, 2)
    seat_of(await office.transfer(held.key, "server-1", "server-4"))
    assert await office.verdict(held.key, "server-0") == "TOO_MANY_ACTIVATIONS"
    seat_of(await office.bear("deactivate", held.key, "server-2"))
    assert [await office.verdict(held.key, f"server-{n}") for n in (0, 4, 2)] == ["VALID", "VALID", "NOT_ACTIVATED"]


async def test_swap_takes_one_seat_for_another_or_does_nothing(office: Office) -> None:
    held = await office.license()
    seat_of(await office.bear("activate", held.key, "old"))
    new = seat_of(await office.bear("activate", held.key, "new", replaces="old"))
    assert seat_of(await office.bear("activate", held.key, "new", replaces="old"))["id"] == new["id"]
    assert [row.server_id for row in await office.open_rows(held)] == ["new"]
    refused_with(await office.bear("activate", held.key, "third", replaces="old"), 409, "too_many_activations")
    refused_with(await office.bear("activate", held.key, "new", replaces="new"), 422, "validation_failed")
    assert [row.server_id for row in await office.open_rows(held)] == ["new"]


async def test_transfer_hands_the_seat_over_and_may_be_repeated(office: Office) -> None:
    held = await office.license(max_activations=2)
    old = seat_of(await office.bear("activate", held.key, "old", metadata={"os": "linux"}))
    new = seat_of(await office.transfer(held.key, "old", "new", fingerprint="f"))
    assert new["follows"] == old["id"] and new["metadata"] == {"os": "linux"} and new["fingerprint"] == "f"
    assert seat_of(await office.transfer(held.key, "old", "new", fingerprint="f"))["id"] == new["id"]
    assert verdict_of(await office.transfer(held.key, "old", "new")) == "FINGERPRINT_MISMATCH"
    assert verdict_of(await office.transfer(held.key, "old", "third")) == "NOT_ACTIVATED"
    seat_of(await office.bear("activate", held.key, "third"))
    refused_with(await office.transfer(held.key, "third", "new"), 422, "validation_failed")
    refused_with(await office.transfer(held.key, "new", "new"), 422, "validation_failed")
    assert len(await office.open_rows(held)) == 2


async def test_owner_and_operator_see_activations_and_end_them(office: Office) -> None:
    held, stranger = await office.license(max_activations=3), await office.license()
    seats = [seat_of(await office.bear("activate", held.key, f"server-{n}")) for n in range(3)]
    path = f"/api/v1/licenses/{held.id}/activations"
    for caller in (held.owner, OPERATOR):
        page = (await office.as_account(caller, "GET", f"{path}?limit=2")).json()
        assert [seat["server_id"] for seat in page["data"]] == ["server-2", "server-1"] and page["has_more"]
        rest = (await office.as_account(caller, "GET", f"{path}?after={page['next']}")).json()
        assert [seat["server_id"] for seat in rest["data"]] == ["server-0"]
    refused_with(await office.as_account(stranger.owner, "GET", path), 404, "not_found")
    refused_with(await office.as_account(held.owner, "GET", f"{path}?after=x"), 422, "invalid_cursor")
    one = f"{path}/{seats[0]['id']}"
    refused_with(await office.as_account(stranger.owner, "DELETE", one), 404, "not_found")
    stray = f"/api/v1/licenses/{stranger.id}/activations/{seats[0]['id']}"
    refused_with(await office.as_account(stranger.owner, "DELETE", stray), 404, "not_found")
    assert (await office.as_account(held.owner, "DELETE", one)).status_code == 204
    assert (await office.as_account(OPERATOR, "DELETE", one)).status_code == 204
    assert await office.verdict(held.key, "server-0") == "NOT_ACTIVATED"
    assert verdict_of(await office.bear("heartbeat", held.key, "server-0")) == "NOT_ACTIVATED"


async def test_only_the_gateway_brings_keys(office: Office) -> None:
    held = await office.license()
    answer = await office.as_account(
        held.owner, "POST", "/api/v1/licenses/activate", json={"license_key": held.key, "server_id": "a"}
    )
    refused_with(answer, 401, "unauthenticated")


async def test_calls_are_limited_for_an_address_and_for_a_key_on_one_server(
    settings_for: Callable[..., Any], clock: BusinessClock
) -> None:
    settings = settings_for("licensing", validations_per_minute_address=7, validations_per_minute_key=3)
    async with opened_office(settings, clock) as office:
        held = await office.license(max_activations=2)
        for server_id in ("web-1", "web-2"):
            for _ in range(3):
                seat_of(await office.bear("activate", held.key, server_id))
        answer = await office.bear("heartbeat", held.key, "web-1")
        refused_with(answer, 429, "rate_limited")
        assert "retry-after" in answer.headers
        refused_with(await office.bear("activate", "0" * 256, "web-3"), 429, "rate_limited")
        assert await office.verdict(held.key, "web-1") == "VALID", "validation is counted apart"


async def test_replaced_key_activates_nothing_and_its_seats_stay(office: Office) -> None:
    held = await office.license(max_activations=2)
    first = seat_of(await office.bear("activate", held.key, "web-1"))
    rotated = await office.as_account(held.owner, "POST", f"/api/v1/licenses/{held.id}/rotate", json={})
    assert rotated.status_code == 201, rotated.text
    assert verdict_of(await office.bear("activate", held.key, "web-2")) == "REVOKED"
    assert seat_of(await office.bear("heartbeat", rotated.json()["key"], "web-1"))["id"] == first["id"]
