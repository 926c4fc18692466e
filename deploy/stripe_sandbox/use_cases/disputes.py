"""Disputes: a bank takes a charge back, hears the answer and decides; each step with its money and its events."""

from deploy.stripe_sandbox.domain import disputes
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.disputes import Complaint
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.refunds import available_with, behaviour_of
from deploy.stripe_sandbox.use_cases.turn import Turn

DECIDE = "dispute.decide"
OVERDUE = "dispute.overdue"


def dispute_as_card_says(turn: Turn, charge: Json) -> Json:
    """The charge after the dispute that its card brings along, if it brings one."""
    complaint = disputes.complaint_of(behaviour_of(turn, charge), charge)
    if complaint is None:
        return charge
    open_dispute(turn, charge, complaint)
    return turn.find("charge", charge["id"])


def open_dispute(turn: Turn, charge: Json, complaint: Complaint) -> Json:
    """A chargeback takes its money at once, an inquiry none; raises for what cannot be disputed."""
    earlier = turn.store.objects.with_value("dispute", "charge", charge["id"])
    disputes.check_disputable(charge, complaint, earlier=earlier)
    dispute = disputes.new_dispute(turn.new_id("dispute"), charge=charge, complaint=complaint, now=turn.now)
    turn.store.objects.insert(dispute)
    turn.store.timers.add(OVERDUE, dispute["id"], at=dispute["evidence_details"]["due_by"] + 1)
    turn.store.objects.save({**charge, "disputed": True})
    if not complaint.inquiry:
        dispute = _withdraw(turn, dispute)
    turn.emit("charge.dispute.created", dispute)
    if not complaint.inquiry:
        turn.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def answer(turn: Turn, dispute: Json, given: Json) -> Json:
    """Evidence and metadata; evidence is submitted unless `submit` says otherwise."""
    after = disputes.with_metadata(dispute, given.get("metadata"))
    if "evidence" in given or given.get("submit"):
        after = disputes.answered(after, given.get("evidence", {}), submit=given.get("submit", True))
    if after == dispute:
        return dispute
    turn.store.objects.save(after)
    turn.emit("charge.dispute.updated", after, previous=previous_attributes(dispute, after))
    if after["status"] != dispute["status"] and disputes.verdict_of(after) is not None:
        turn.store.timers.add(DECIDE, dispute["id"], at=turn.now + disputes.DECIDED_AFTER_SECONDS)
    return after


def close(turn: Turn, dispute: Json, *, status: str) -> Json:
    """The end. Won, the amount is in the balance again."""
    after = disputes.decided(dispute, status)
    if status == disputes.WON:
        transaction = disputes.new_reinstatement(turn.new_id("balance_transaction"), dispute=dispute, now=turn.now)
        turn.store.objects.insert(transaction)
        after = disputes.with_transaction(after, transaction)
    turn.store.objects.save(after)
    if status == disputes.WON:
        turn.emit("charge.dispute.funds_reinstated", after)
    turn.emit("charge.dispute.closed", after, previous={"status": dispute["status"]})
    return after


def escalate(turn: Turn, dispute: Json) -> Json:
    """The inquiry becomes a chargeback, and now takes its money."""
    after = _withdraw(turn, disputes.escalated(dispute))
    turn.emit("charge.dispute.updated", after, previous=previous_attributes(dispute, after))
    turn.emit("charge.dispute.funds_withdrawn", after)
    return after


def decide(turn: Turn, dispute_id: str) -> None:
    """What the submitted evidence asks for; nothing if a control was faster."""
    dispute = turn.find("dispute", dispute_id)
    if dispute["status"] not in (disputes.UNDER_REVIEW, disputes.WARNING_UNDER_REVIEW):
        return
    verdict = disputes.verdict_of(dispute)
    if verdict == disputes.NEEDS_RESPONSE:
        escalate(turn, dispute)
    elif verdict is not None:
        close(turn, dispute, status=verdict)


def give_up(turn: Turn, dispute_id: str) -> None:
    """Nobody answered in time."""
    dispute = turn.find("dispute", dispute_id)
    if dispute["status"] in disputes.ANSWERABLE:
        close(turn, dispute, status=disputes.verdict_of_silence(dispute))


def _withdraw(turn: Turn, dispute: Json) -> Json:
    """The dispute with the balance transaction that took its amount and fee; both are kept."""
    charge = turn.find("charge", dispute["charge"])
    transaction = disputes.new_withdrawal(
        turn.new_id("balance_transaction"),
        dispute=dispute,
        available_on=available_with(turn, charge),
        now=turn.now,
    )
    after = disputes.with_transaction(dispute, transaction)
    turn.store.objects.insert(transaction)
    turn.store.objects.save(after)
    return after
