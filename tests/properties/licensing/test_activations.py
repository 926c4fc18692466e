"""Whatever servers do, in whatever order and at whatever time: no more of them hold seats than the license has, each
server holds one at most, and what has ended is never changed. A model that knows only who was let in agrees."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.licensing.domain import activation as seats_of
from services.licensing.domain.activation import Activation, ActivationId, Decision, Ending, Refusal, Seats, Server
from services.licensing.domain.license import BillingState, License, LicenseId, Origin

SERVERS = st.sampled_from("abcde")
FINGERPRINTS = st.sampled_from([None, None, "f", "g"])
START = datetime(2027, 1, 31, 12, tzinfo=UTC)
LEASE_SECONDS = 60


class Activations(RuleBasedStateMachine):
    """The rows, as the store keeps them, of one license whose plan changes."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.rows: dict[str, Activation] = {}
        self.ended: dict[str, Activation] = {}
        self.allowed_over = 0
        self.license = License(
            LicenseId("lic_1"),
            "acct_1",
            "plan",
            Origin.SUBSCRIPTION,
            START,
            subscription_id="sub_1",
            billing_state=BillingState.GOOD,
            max_activations=2,
            lease_seconds=LEASE_SECONDS,
        )

    def _newest(self, server_id: str) -> Activation | None:
        return next((row for row in reversed(self.rows.values()) if row.server_id == server_id), None)

    def _active(self) -> list[Activation]:
        return [row for row in self.rows.values() if row.is_active(self.now)]

    def _seats(self, server_id: str) -> Seats:
        others = sum(row.server_id != server_id for row in self._active())
        return Seats(self.license, self._newest(server_id), others)

    def _id(self) -> ActivationId:
        return ActivationId(f"act_{len(self.rows)}")

    def _write(self, found: Decision | Refusal) -> Decision | Refusal:
        """As the store does: ends first, then what stands, then a sweep where something was added."""
        if isinstance(found, Decision):
            added = found.activation.id not in self.rows
            for row in (*found.ended, found.activation):
                self.rows[row.id] = row
            if added:
                self._sweep()
        return found

    def _sweep(self) -> None:
        for row in list(self.rows.values()):
            if row.is_open and not row.is_active(self.now):
                self.rows[row.id] = replace(row, deactivated_at=row.lease_until, ending=Ending.LEASE_OVER)

    @rule(server_id=SERVERS, fingerprint=FINGERPRINTS)
    def activate(self, server_id: str, fingerprint: str | None) -> None:
        before, own = self._active(), self._newest(server_id)
        seats = self._seats(server_id)
        found = self._write(seats_of.activated(seats, Server(server_id, fingerprint), self._id(), now=self.now))
        if own is not None and own in before:
            mismatch = own.fingerprint is not None and own.fingerprint != fingerprint
            assert found is Refusal.FINGERPRINT_MISMATCH if mismatch else self._newest(server_id).id == own.id  # type: ignore[union-attr]
        else:
            assert (found is Refusal.TOO_MANY) == (len(before) >= self.license.max_activations)

    @rule(server_id=SERVERS, fingerprint=FINGERPRINTS)
    def heartbeat(self, server_id: str, fingerprint: str | None) -> None:
        seats = self._seats(server_id)
        own = seats.own
        found = self._write(seats_of.beaten(seats, Server(server_id, fingerprint), self._id(), now=self.now))
        if isinstance(found, Decision) and own is not None:
            assert own.fingerprint in (None, fingerprint)

    @rule(server_id=SERVERS)
    def deactivate(self, server_id: str) -> None:
        self._write(seats_of.deactivated(self._seats(server_id), Server(server_id), now=self.now))
        assert server_id not in {row.server_id for row in self._active()}

    @rule(leaving=SERVERS, server_id=SERVERS)
    def swap(self, leaving: str, server_id: str) -> None:
        if leaving != server_id:
            seats, other = self._seats(server_id), self._newest(leaving)
            self._write(seats_of.swapped(seats, other, Server(server_id), self._id(), now=self.now))

    @rule(leaving=SERVERS, server_id=SERVERS)
    def transfer(self, leaving: str, server_id: str) -> None:
        before, own, other = self._active(), self._newest(server_id), self._newest(leaving)
        if leaving == server_id or (own in before and (other is None or own is None or own.follows != other.id)):
            return
        found = seats_of.transferred(self._seats(server_id), other, Server(server_id), self._id(), now=self.now)
        self._write(found)
        assert len(self._active()) == len(before)

    @precondition(lambda self: self._active())
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(self._active()))
        self.rows[chosen.id] = seats_of.ended_by(chosen, Ending.REMOVED, now=self.now)

    @rule(seconds=st.sampled_from([1, 20, 59, 60, 61, 600]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(most=st.integers(1, 4))
    def plan_changes(self, most: int) -> None:
        self.license = replace(self.license, max_activations=most)
        self.allowed_over = len(self._active())

    @invariant()
    def no_more_are_active_than_may_be(self) -> None:
        active = len(self._active())
        assert active <= max(self.license.max_activations, self.allowed_over)
        self.allowed_over = min(self.allowed_over, active)

    @invariant()
    def one_open_activation_for_each_server(self) -> None:
        open_servers = [row.server_id for row in self.rows.values() if row.is_open]
        assert len(open_servers) == len(set(open_servers))

    @invariant()
    def what_has_ended_stays(self) -> None:
        for row in self.ended.values():
            now = self.rows[row.id]
            assert now.deactivated_at == row.deactivated_at and now.activated_at <= (now.deactivated_at or START)
            assert now.ending is row.ending or row.ending is Ending.LEASE_OVER
        self.ended = {row.id: row for row in self.rows.values() if not row.is_open}


Activations.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestActivations = Activations.TestCase
