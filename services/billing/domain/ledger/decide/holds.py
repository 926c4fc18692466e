"""Holds: taken, told of, and ended by a capture or a release. A hold past its expiry is nobody's but the sweep's."""

from dataclasses import replace

from services.billing.domain.chart_of_accounts import Kind
from services.billing.domain.ledger.book import HoldRow
from services.billing.domain.ledger.decide.desk import Desk
from services.billing.domain.ledger.items import Capture, Hold, Progress, Release, Result, Verdict, call_text


def hold(desk: Desk, item: Hold) -> Result:
    account_id = item.account_id
    known = desk.holds.get((account_id, item.id))
    if known is not None:
        return _hold_again(desk, item, known)
    refusal = desk.refusal(account_id, needed=max(item.at_least, 0))
    if refusal is not None:
        return refusal
    amount = min(item.amount, desk.purses[account_id].available)
    desk.opened[account_id, item.id] = None
    desk.write_hold(HoldRow(account_id, item.id, amount, item.amount, "open", item.expires_in_ms, call=item.call))
    desk.move(account_id, held=amount)
    return desk.answer(account_id, Verdict.POSTED, held=amount)


def _hold_again(desk: Desk, item: Hold, known: HoldRow) -> Result:
    if known.call is None or known.state in ("released", "expired") or _has_lapsed(known):
        return desk.answer(item.account_id, Verdict.HOLD_LAPSED)
    if (known.asked, known.call.request_id) != (item.amount, item.call.request_id):
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    return desk.answer(item.account_id, Verdict.POSTED, held=known.amount)


def progress(desk: Desk, item: Progress) -> Result:
    """What the hold's call has cost so far. It only grows, and no further than the hold."""
    known = desk.holds.get((item.account_id, item.hold_id))
    if known is None:
        return desk.answer(item.account_id, Verdict.NOT_FOUND)
    if known.state in ("released", "expired") or _has_lapsed(known):
        return desk.answer(item.account_id, Verdict.HOLD_LAPSED)
    if known.state == "open":
        _grow(desk, item, known)
    return desk.answer(item.account_id, Verdict.POSTED)


def _grow(desk: Desk, item: Progress, known: HoldRow) -> None:
    before, said = known.call, item.call
    assert before is not None
    spent = max(known.spent, min(item.amount, known.amount))
    calls, tokens, units = max(before.calls, said.calls), max(before.tokens, said.tokens), max(before.units, said.units)
    if (spent, calls, tokens, units) != (known.spent, before.calls, before.tokens, before.units):
        call = replace(before, calls=calls, tokens=tokens, units=units)
        desk.write_hold(replace(known, spent=spent, call=call))


def capture(desk: Desk, item: Capture) -> Result:
    known = desk.holds.get((item.account_id, item.hold_id))
    if known is None:
        return desk.answer(item.account_id, Verdict.NOT_FOUND)
    if known.state == "captured":
        return _capture_again(desk, item, known)
    if known.state != "open" or _has_lapsed(known):
        return desk.answer(item.account_id, Verdict.HOLD_LAPSED)
    if (item.account_id, item.id) in desk.transfers:
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    charged = _settle(desk, item, known)
    return desk.answer(item.account_id, Verdict.POSTED, charged=charged)


def _settle(desk: Desk, item: Capture, known: HoldRow) -> int:
    """Close the hold and charge what it covers, in one movement: were the hold freed first, an overdrawn wallet would
    seem covered between the two. What a refund took meanwhile is written off: a capture spends, so it takes no wallet
    under zero."""
    account_id, call = item.account_id, item.call
    charged = min(item.amount, known.amount, max(desk.purses[account_id].balance, 0))
    desk.write_hold(replace(known, state="captured", capture_id=item.id, capture_asked=item.amount, captured=charged))
    desk.move(account_id, balance=-charged, held=-known.amount, positions=1 if charged else 0)
    if charged:
        text = call_text(call)
        desk.write(account_id, item.id, Kind.CHARGE, charged, text, request_id=call.request_id, refers_to=item.hold_id)
    desk.use(account_id, call, credits=charged, held=known.amount)
    return charged


def _capture_again(desk: Desk, item: Capture, known: HoldRow) -> Result:
    if (known.capture_id, known.capture_asked) != (item.id, item.amount):
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    return desk.answer(item.account_id, Verdict.POSTED, charged=known.captured)


def release(desk: Desk, item: Release) -> Result:
    known = desk.holds.get((item.account_id, item.hold_id))
    if known is None:
        desk.opened[item.account_id, item.hold_id] = None
        desk.write_hold(HoldRow(item.account_id, item.hold_id, amount=0, asked=0, state="released"))
    elif known.state == "captured":
        return desk.answer(item.account_id, Verdict.ID_CONFLICT)
    elif known.state == "open":
        assert known.call is not None
        desk.write_hold(replace(known, state="released"))
        desk.move(item.account_id, held=-known.amount)
        call = replace(known.call, tokens=0, units=0, outcome=item.outcome)
        desk.use(item.account_id, call, credits=0, held=known.amount)
    return desk.answer(item.account_id, Verdict.POSTED)


def _has_lapsed(known: HoldRow) -> bool:
    """Past its expiry by the database's clock, whether or not the sweep has been here."""
    return known.state == "open" and known.lapsed
