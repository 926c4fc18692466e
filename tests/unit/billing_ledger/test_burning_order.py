"""The order in which lots are burnt, by examples."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.grants import PLAIN, Entry, Lot, OpenHold, State, burn, due_for_expiry
from shared.ids import new_uuid

AT = datetime(2027, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def lot(number: int, amount: int, *, days: int | None = None, paid: bool = False) -> Lot:
    expires_at = AT + days * DAY if days else None
    return Lot(UUID(int=number), amount, 20 if paid else 10, expires_at, AT + timedelta(minutes=number))


PAID = lot(1, 100, paid=True)
LASTING = lot(2, 10)
SOON = lot(3, 10, days=1)
LATER = lot(4, 10, days=9)
LOTS = (PAID, LASTING, SOON, LATER)


class Story:
    """Entries one after the other, each at its own time."""

    def __init__(self) -> None:
        self.state = State()

    def post(self, kind: Kind, amount: int, *, days: float = 0, own: Lot | None = None, **more: object) -> int:
        at, number = AT + days * DAY, self.state.position + 1
        values = {"began_at": at, "lot_id": own.id if own else None, **more}
        entry = Entry(number, own.id if own else new_uuid(at=at), kind, amount, at, **values)  # type: ignore[arg-type]
        self.state = burn(self.state, LOTS, [entry])
        return number

    def bring(self, *lots: Lot) -> None:
        for each in lots:
            self.post(Kind.PURCHASE if each is PAID else Kind.GRANT, each.amount, own=each)

    def left(self, *lots: Lot) -> list[int]:
        return [self.state.left.get(each.id, 0) for each in lots]


def test_promotional_credits_are_burnt_before_paid_and_the_soonest_to_expire_first() -> None:
    story = Story()
    story.bring(PAID, LASTING, LATER, SOON)
    orders = []
    for _ in range(8):
        story.post(Kind.CHARGE, 5)
        orders.append(story.left(SOON, LATER, LASTING, PAID))
    assert orders[:3] == [[5, 10, 10, 100], [0, 10, 10, 100], [0, 5, 10, 100]]
    assert orders[-1] == [0, 0, 0, 90]


def test_a_spend_burns_nothing_that_came_after_it() -> None:
    story = Story()
    story.bring(PAID)
    story.post(Kind.CHARGE, 20)
    story.bring(SOON)
    assert story.left(SOON, PAID) == [10, 80]


def test_a_reversal_gives_back_to_the_lots_that_its_own_charge_burnt() -> None:
    story = Story()
    story.bring(PAID, SOON)
    first = story.post(Kind.CHARGE, 15)
    second = story.post(Kind.CHARGE, 20)
    story.post(Kind.REVERSAL, 15, charge_position=first)
    assert story.left(SOON, PAID) == [10, 80]
    story.post(Kind.REVERSAL, 20, charge_position=second)
    assert story.left(SOON, PAID) == [10, 100]


def test_what_is_given_back_after_its_lot_expired_stays_as_plain_credits() -> None:
    story = Story()
    story.bring(PAID, SOON)
    charge = story.post(Kind.CHARGE, 10)
    story.post(Kind.REVERSAL, 10, days=1, charge_position=charge)
    assert story.left(SOON, PLAIN, PAID) == [0, 10, 100]
    assert not due_for_expiry(story.state, LOTS, [], at=AT + 2 * DAY)
    story.post(Kind.CHARGE, 4, days=2)
    assert story.left(PLAIN, PAID) == [6, 100], "plain credits are burnt before paid ones"


def test_a_lot_expires_at_its_instant_and_not_before() -> None:
    story = Story()
    story.bring(PAID, SOON, LATER)
    story.post(Kind.CHARGE, 3)
    assert not due_for_expiry(story.state, LOTS, [], at=AT + DAY - timedelta(microseconds=1))
    assert due_for_expiry(story.state, LOTS, [], at=AT + DAY) == {SOON.id: 7}


def test_running_calls_hold_what_they_would_burn_and_only_if_they_began_in_time() -> None:
    story = Story()
    story.bring(PAID, SOON)
    in_time, late = OpenHold(4, AT), OpenHold(50, AT + DAY)
    assert due_for_expiry(story.state, LOTS, [late, in_time], at=AT + DAY) == {SOON.id: 6}
    story.post(Kind.EXPIRY, 6, days=1, own=SOON)
    for amount in (48, 2):
        story.post(Kind.CHARGE, amount, days=1)
    assert story.left(SOON, PAID) == [4, 50], "a charge after the end burns no credits that a hold kept"
    story.post(Kind.CHARGE, 3, days=1, began_at=in_time.began_at)
    assert story.left(SOON, PAID) == [1, 50], "its capture does"
    assert due_for_expiry(story.state, LOTS, [], at=AT + DAY) == {SOON.id: 1}


def test_a_refund_takes_from_its_own_purchase_first_and_the_next_credits_pay_the_debt() -> None:
    story = Story()
    story.bring(PAID, LASTING)
    story.post(Kind.CHARGE, 30)
    assert story.left(LASTING, PAID) == [0, 80]
    story.bring(LATER)
    story.post(Kind.REFUND, 100, own=PAID)
    assert (story.left(LATER, PAID), story.state.debt) == ([0, 0], 10)
    story.bring(SOON)
    assert (story.left(SOON), story.state.debt) == ([0], 0)
    story.post(Kind.DISPUTE_WON, 100, own=PAID)
    assert story.left(PAID) == [100]


def test_what_is_given_back_pays_the_debt_first_and_the_last_burnt_lot_next() -> None:
    story = Story()
    story.bring(PAID, SOON)
    charge = story.post(Kind.CHARGE, 15)
    story.post(Kind.REFUND, 101, own=PAID)
    assert story.state.debt == 6
    story.post(Kind.REVERSAL, 15, charge_position=charge)
    assert (story.left(SOON, PAID), story.state.debt) == ([4, 5], 0)


def test_no_lot_gets_back_more_than_it_brought() -> None:
    story = Story()
    story.bring(PAID)
    charge = story.post(Kind.CHARGE, 50)
    story.bring(LASTING)
    story.post(Kind.DISPUTE, 60, own=PAID)
    assert story.left(PAID, LASTING) == [0, 0]
    story.post(Kind.REVERSAL, 50, charge_position=charge)
    story.post(Kind.DISPUTE_WON, 60, own=PAID)
    assert story.left(PAID, PLAIN) == [100, 10]


def test_charges_of_one_lot_are_one_run_and_runs_older_than_any_id_that_may_be_named_are_dropped() -> None:
    story = Story()
    story.bring(PAID, SOON)
    for _ in range(20):
        story.post(Kind.CHARGE, 1)
    assert [(run.first, run.last) for run in story.state.trail] == [(3, 12), (13, 22)]
    story.post(Kind.CHARGE, 1, days=36)
    assert len(story.state.trail) == 2, "the run goes on, so it is not old"
    story.bring(LATER)
    story.post(Kind.CHARGE, 1)
    story.post(Kind.CHARGE, 12, days=36)
    assert min(run.first for run in story.state.trail) == 13, "the first run can't be given back any more"
