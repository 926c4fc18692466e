"""Charges, and what gives them back."""

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import Reversal
from services.billing.domain.ledger.decide.desk import Desk
from services.billing.domain.ledger.items import Charge, Result, Reverse, Verdict, call_text
from services.billing.domain.ledger.transfer import Transfer


def charge(desk: Desk, item: Charge) -> Result:
    account_id = item.account_id
    known = desk.transfers.get((account_id, item.id))
    if known is not None:
        return _charge_again(desk, item, known)
    refusal = desk.refusal(account_id, needed=item.amount)
    if refusal is not None:
        return refusal
    call = item.call
    desk.move(account_id, balance=-item.amount, positions=1)
    desk.write(account_id, item.id, Kind.CHARGE, item.amount, call_text(call), request_id=call.request_id)
    desk.use(account_id, call, credits=item.amount)
    return desk.answer(account_id, Verdict.POSTED, charged=item.amount)


def _charge_again(desk: Desk, item: Charge, known: Transfer) -> Result:
    if known.kind is Kind.VOID or (item.account_id, item.id) in desk.reversals:
        return desk.answer(item.account_id, Verdict.REVERSED)
    same = (Kind.CHARGE, item.amount, item.call.request_id, None)
    if (known.kind, known.amount, known.request_id, known.refers_to) != same:
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    return desk.answer(item.account_id, Verdict.POSTED, charged=known.amount)


def reverse(desk: Desk, item: Reverse) -> Result:
    key = (item.account_id, item.charge_id)
    done = desk.reversals.get(key)
    if done is not None:
        same = done.reversal_id == item.id
        return desk.answer(item.account_id, Verdict.POSTED if same else Verdict.REVERSED)
    if (item.account_id, item.id) in desk.transfers or item.id == item.charge_id:
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    known = desk.transfers.get(key)
    if known is None:
        _void(desk, item)
        return desk.answer(item.account_id, Verdict.POSTED)
    if known.kind is not Kind.CHARGE:
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    _give_back(desk, item, known)
    return desk.answer(item.account_id, Verdict.POSTED)


def _void(desk: Desk, item: Reverse) -> None:
    """Take the charge's own id, so that it meets this whenever it arrives."""
    desk.write(item.account_id, item.charge_id, Kind.VOID, 0, "Reversed before it arrived", refers_to=item.id)
    _mark_reversed(desk, item, amount=0)


def _give_back(desk: Desk, item: Reverse, known: Transfer) -> None:
    text = f"Given back: {known.description}"
    desk.move(item.account_id, balance=known.amount, positions=1)
    desk.write(
        item.account_id, item.id, Kind.REVERSAL, known.amount, text, request_id=known.request_id, refers_to=known.id
    )
    _mark_reversed(desk, item, amount=known.amount)
    if known.request_id is not None:
        desk.change_usage(item.account_id, known.request_id, credits=-known.amount, outcome=item.outcome)


def _mark_reversed(desk: Desk, item: Reverse, *, amount: int) -> None:
    reversal = Reversal(item.account_id, item.charge_id, item.id, amount)
    desk.reversals[item.account_id, item.charge_id] = reversal
    desk.given_back.append(reversal)
