"""The codes of billing's own refusals, with their statuses."""

from shared.problems import register_problem

for _code, _status, _title in (
    ("amount_out_of_range", 422, "Amount out of range"),
    ("card_declined", 402, "Card declined"),
    ("credit_limit_exceeded", 403, "Credit limit exceeded"),
    ("daily_limit_exceeded", 403, "Daily limit exceeded"),
    ("device_not_allowed", 403, "Device not allowed"),
    ("dispute_not_answerable", 409, "Dispute not answerable"),
    ("id_conflict", 409, "Id used otherwise"),
    ("id_refused", 409, "Id refused"),
    ("invalid_payload", 400, "Invalid payload"),
    ("invalid_signature", 400, "Invalid signature"),
    ("name_taken", 409, "Name taken"),
    ("no_payment_method", 409, "No payment method"),
    ("not_cancelable", 409, "Not cancelable"),
    ("not_changeable", 409, "Not changeable"),
    ("not_pausable", 409, "Not pausable"),
    ("not_paused", 409, "Not paused"),
    ("not_refundable", 409, "Not refundable"),
    ("not_sealed_yet", 409, "Not sealed yet"),
    ("outside_hours", 403, "Outside hours"),
    ("payment_already_paid", 409, "Already paid"),
    ("payment_blocked", 403, "Payment blocked"),
    ("payment_not_pending", 409, "Payment not pending"),
    ("subscription_began", 409, "Subscription began"),
    ("subscription_ended", 409, "Subscription ended"),
    ("refund_exceeds_payment", 422, "Refund exceeds payment"),
    ("spending_limit_exceeded", 403, "Spending limit exceeded"),
    ("tip_out_of_range", 422, "Tip out of range"),
    ("verification_required", 403, "Verification required"),
):
    register_problem(_code, _status, _title)
