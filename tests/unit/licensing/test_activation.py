"""What becomes of a license's seats."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.licensing.domain import activation as seats_of
from services.licensing.domain.activation import Activation, ActivationId, Decision, Ending, Refusal, Seats, Server
from services.licensing.domain.license import BillingState, License, LicenseId, Origin

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LEASE = 60
FIXED = License(
    LicenseId("lic_1"),
    "acct_1",
    "plan",
    Origin.SUBSCRIPTION,
    NOW,
    subscription_id="sub_1",
    billing_state=BillingState.GOOD,
    expires_at=NOW + timedelta(days=30),
)
FLOATING = replace(FIXED, lease_seconds=LEASE)
NEW = ActivationId("act_new")


def seat(server_id: str = "a", license: License = FIXED, **more: object) -> Activation:
    lease = None if license.lease_seconds is None else NOW + timedelta(seconds=LEASE)
    made = Activation(ActivationId(f"act_{server_id}"), "lic_1", server_id, NOW, lease_until=lease)
    return replace(made, **more)  # type: ignore[arg-type]


def decided(found: Decision | Refusal) -> Decision:
    assert isinstance(found, Decision), found
    return found


def test_free_seat_is_taken() -> None:
    made = decided(seats_of.activated(Seats(FIXED, None, 0), Server("a", "f", {"os": "linux"}), NEW, now=NOW))
    assert made.ended == ()
    assert (made.activation.id, made.activation.server_id, made.activation.fingerprint) == (NEW, "a", "f")
    assert made.activation.metadata == {"os": "linux"} and made.activation.lease_until is None
    assert made.activation.is_active(NOW + timedelta(days=400))


def test_no_seat_is_left() -> None:
    assert seats_of.activated(Seats(FIXED, None, 1), Server("b"), NEW, now=NOW) is Refusal.TOO_MANY


def test_same_server_has_the_same_activation_even_where_too_many_are_active() -> None:
    own = seat()
    again = decided(seats_of.activated(Seats(FIXED, own, 5), Server("a"), NEW, now=NOW + SECOND))
    assert again.activation.id == own.id and again.activation.activated_at == NOW


def test_unknown_fingerprint_is_taken_up_and_then_kept() -> None:
    took = decided(seats_of.activated(Seats(FIXED, seat(), 0), Server("a", "f"), NEW, now=NOW)).activation
    assert took.fingerprint == "f"
    kept = decided(seats_of.activated(Seats(FIXED, took, 0), Server("a", "f"), NEW, now=NOW)).activation
    assert kept.fingerprint == "f"


@pytest.mark.parametrize("sent", [None, "g"])
def test_bound_activation_asks_for_its_fingerprint(sent: str | None) -> None:
    seats, server = Seats(FIXED, seat(fingerprint="f"), 0), Server("a", sent)
    for decide in (seats_of.activated, seats_of.beaten):
        assert decide(seats, server, NEW, now=NOW) is Refusal.FINGERPRINT_MISMATCH


def test_reactivation_is_a_new_activation() -> None:
    gone = seats_of.ended_by(seat(), Ending.DEACTIVATED, now=NOW + SECOND)
    back = decided(seats_of.activated(Seats(FIXED, gone, 0), Server("a"), NEW, now=NOW + 2 * SECOND))
    assert back.activation.id == NEW and back.ended == ()
    assert gone.deactivated_at == NOW + SECOND


@pytest.mark.parametrize("late", [timedelta(0), SECOND, timedelta(days=9)])
def test_dead_lease_holds_no_seat(late: timedelta) -> None:
    own = seat(license=FLOATING)
    ends_at = NOW + timedelta(seconds=LEASE)
    assert own.is_active(ends_at - timedelta(microseconds=1)) and not own.is_active(ends_at + late)
    assert own.lost_its_lease(ends_at + late)


def test_heartbeat_extends_the_lease() -> None:
    at = NOW + timedelta(seconds=LEASE - 1)
    beaten = decided(seats_of.beaten(Seats(FLOATING, seat(license=FLOATING), 0), Server("a"), NEW, now=at)).activation
    assert beaten.id == "act_a" and beaten.last_heartbeat_at == at
    assert beaten.lease_until == at + timedelta(seconds=LEASE)


@pytest.mark.parametrize("swept", [False, True])
def test_returning_zombie_competes_again(swept: bool) -> None:
    own = seat(license=FLOATING, fingerprint="f", metadata={"os": "linux"})
    if swept:
        own = replace(own, deactivated_at=own.lease_until, ending=Ending.LEASE_OVER)
    late = NOW + timedelta(seconds=LEASE)
    assert seats_of.beaten(Seats(FLOATING, own, 1), Server("a", "f"), NEW, now=late) is Refusal.TOO_MANY
    back = decided(seats_of.beaten(Seats(FLOATING, own, 0), Server("a", "f"), NEW, now=late))
    assert back.activation.id == NEW and back.activation.metadata == {"os": "linux"}
    assert back.activation.fingerprint == "f"
    assert [each.ending for each in back.ended] == ([] if swept else [Ending.LEASE_OVER])
    assert all(each.deactivated_at == each.lease_until for each in back.ended)


@pytest.mark.parametrize("sent", [None, "g"])
def test_returning_zombie_is_the_same_machine(sent: str | None) -> None:
    own = seat(license=FLOATING, fingerprint="f")
    late = NOW + timedelta(seconds=LEASE)
    answer = seats_of.beaten(Seats(FLOATING, own, 0), Server("a", sent), NEW, now=late)
    assert answer is Refusal.FINGERPRINT_MISMATCH


@pytest.mark.parametrize("ending", [each for each in Ending if each is not Ending.LEASE_OVER])
def test_heartbeat_does_not_bring_back_what_was_ended(ending: Ending) -> None:
    gone = seats_of.ended_by(seat(), ending, now=NOW)
    assert seats_of.beaten(Seats(FIXED, gone, 0), Server("a"), NEW, now=NOW) is Refusal.NOT_ACTIVATED
    assert seats_of.beaten(Seats(FIXED, None, 0), Server("a"), NEW, now=NOW) is Refusal.NOT_ACTIVATED


def test_deactivation_is_done_once() -> None:
    assert seats_of.deactivated(Seats(FIXED, None, 0), Server("a"), now=NOW) is Refusal.NOT_ACTIVATED
    first = decided(seats_of.deactivated(Seats(FIXED, seat(), 0), Server("a"), now=NOW + SECOND)).activation
    assert (first.deactivated_at, first.ending) == (NOW + SECOND, Ending.DEACTIVATED)
    assert decided(seats_of.deactivated(Seats(FIXED, first, 0), Server("a"), now=NOW + 9 * SECOND)).activation == first


def test_deactivation_is_the_same_machine_s() -> None:
    own = seat(fingerprint="f")
    answer = seats_of.deactivated(Seats(FIXED, own, 0), Server("a", "g"), now=NOW)
    assert answer is Refusal.FINGERPRINT_MISMATCH
    given_back = decided(seats_of.deactivated(Seats(FIXED, own, 0), Server("a"), now=NOW))
    assert not given_back.activation.is_open, "giving a seat back needs no fingerprint"


def test_deactivated_zombie_stays_away() -> None:
    lost = seat(license=FLOATING, deactivated_at=NOW, ending=Ending.LEASE_OVER)
    gone = decided(seats_of.deactivated(Seats(FLOATING, lost, 0), Server("a"), now=NOW)).activation
    assert seats_of.beaten(Seats(FLOATING, gone, 0), Server("a"), NEW, now=NOW) is Refusal.NOT_ACTIVATED


def test_swap_gives_one_seat_for_another() -> None:
    leaving = seat("old")
    swap = decided(seats_of.swapped(Seats(FIXED, None, 1), leaving, Server("a"), NEW, now=NOW))
    assert swap.activation.id == NEW
    assert [(each.server_id, each.ending) for each in swap.ended] == [("old", Ending.REPLACED)]


@pytest.mark.parametrize(
    "leaving",
    [None, seat("old", deactivated_at=NOW, ending=Ending.DEACTIVATED), seat("old", lease_until=NOW)],
    ids=["unknown", "ended", "dead"],
)
def test_swap_of_what_holds_no_seat_frees_none(leaving: Activation | None) -> None:
    seats = Seats(FLOATING, None, 1)
    assert seats_of.swapped(seats, leaving, Server("a"), NEW, now=NOW) is Refusal.TOO_MANY


def test_swap_in_overage_is_refused_whole() -> None:
    assert seats_of.swapped(Seats(FIXED, None, 3), seat("old"), Server("a"), NEW, now=NOW) is Refusal.TOO_MANY


def test_transfer_hands_the_seat_over_and_may_be_repeated() -> None:
    leaving = seat("old", metadata={"os": "linux"}, fingerprint="f")
    moved = decided(seats_of.transferred(Seats(FIXED, None, 1), leaving, Server("a", "g"), NEW, now=NOW))
    assert moved.activation.follows == leaving.id and moved.activation.metadata == {"os": "linux"}
    assert moved.activation.fingerprint == "g"
    (gone,) = moved.ended
    assert gone.ending is Ending.TRANSFERRED
    again = seats_of.transferred(Seats(FIXED, moved.activation, 0), gone, Server("a", "g"), NEW, now=NOW + SECOND)
    assert decided(again) == Decision(moved.activation)
    unsaid = seats_of.transferred(Seats(FIXED, moved.activation, 0), gone, Server("a"), NEW, now=NOW + SECOND)
    assert unsaid is Refusal.FINGERPRINT_MISMATCH


def test_transfer_keeps_the_number_of_seats_even_in_overage() -> None:
    moved = decided(seats_of.transferred(Seats(FIXED, None, 3), seat("old"), Server("a"), NEW, now=NOW))
    assert len(moved.ended) == 1


@pytest.mark.parametrize(
    "leaving",
    [None, seat("old", deactivated_at=NOW, ending=Ending.REMOVED), seat("old", lease_until=NOW)],
    ids=["unknown", "ended", "dead"],
)
def test_only_a_seat_that_is_held_is_handed_over(leaving: Activation | None) -> None:
    answer = seats_of.transferred(Seats(FLOATING, None, 0), leaving, Server("a"), NEW, now=NOW)
    assert answer is Refusal.NOT_ACTIVATED
