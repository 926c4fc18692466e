"""Billing and licensing -> gateway: a mail to an account, `PUT /internal/v1/mails/{message_id}`.

The same message id again asks for nothing more: 202 either way. 404 means that there is no such account (any more).
Values are words for people to read, dates and amounts included. The account's name and address are added by the
gateway, which alone knows them.
"""

from collections.abc import Mapping
from typing import Literal, TypedDict, get_args
from urllib.parse import quote

Template = Literal[
    "license_welcome",
    "subscription_renewed",
    "renewal_upcoming",
    "payment_failed",
    "subscription_suspended",
    "subscription_restored",
    "subscription_goes_on",
    "subscription_canceled",
    "trial_ending",
    "top_up_stopped",
    "top_up_needs_you",
    "payment_approved",
    "payment_rejected",
]

VALUES: Mapping[str, frozenset[str]] = {
    # `servers`: on how many it may be active ("1 server"); `heartbeat`: how long a lease lasts without one
    # ("15 minutes"), "" where the license needs none; `license_key` is secret.
    "license_welcome": frozenset({"plan", "license_id", "servers", "heartbeat", "license_key"}),
    # `until`: the end of what is paid ("3 March 2027").
    "subscription_renewed": frozenset({"plan", "amount", "until"}),
    "renewal_upcoming": frozenset({"plan", "amount", "renews_on"}),
    # `failure`: which in a row, from "1"; `most`: how many suspend ("3"); `next_try`: a date, "" where none follows;
    # `until`: when the license stops unless it is paid, "" where it has stopped; `pay_link`: the invoice's page, ""
    # where it has none; `why`: words for what the bank said ("the card has expired"), "" where it said nothing.
    "payment_failed": frozenset({"plan", "amount", "failure", "most", "next_try", "until", "pay_link", "why"}),
    # `reason`: payment_failed, grace_over, dispute, paused; another is not spelled out. `pay_link` may be "".
    "subscription_suspended": frozenset({"plan", "reason", "pay_link"}),
    # `until` may be "".
    "subscription_restored": frozenset({"plan", "until"}),
    # It was to end with its period, and does not; `until`: the end of what is paid, may be "".
    "subscription_goes_on": frozenset({"plan", "until"}),
    # `until`: how long it is good yet, "" where it ended at once; `reason`: canceled, refunded, dispute_lost,
    # license_revoked.
    "subscription_canceled": frozenset({"plan", "reason", "until"}),
    "trial_ending": frozenset({"plan", "amount", "ends_on"}),
    # Automatic buying of credits has stopped; `reason`: words that complete "because ...".
    "top_up_stopped": frozenset({"amount", "reason"}),
    "top_up_needs_you": frozenset({"amount", "link"}),
    # A payment that was held for a review; `until`: how long its page can be paid ("3 March 2027, 14:05 UTC").
    "payment_approved": frozenset({"amount", "checkout_url", "until"}),
    "payment_rejected": frozenset({"amount"}),
}
"""What each template says, all of it needed."""

_ADDED: Mapping[str, Mapping[str, str]] = {"payment_failed": {"why": ""}}


def complete(template: str, values: Mapping[str, str]) -> dict[str, str]:
    """With what a template has come to say since mails that may still wait were asked for."""
    return {**_ADDED.get(template, {}), **values}


SECRET: Mapping[str, frozenset[str]] = {"license_welcome": frozenset({"license_key"})}
"""Of these, what is not kept with the sender's row: it is added when the mail is handed over."""

assert set(VALUES) == set(get_args(Template))


class MailRequest(TypedDict):
    """`values` are exactly those of the template."""

    account_id: str
    template: str
    values: dict[str, str]


def path_of(message_id: str) -> str:
    return f"/internal/v1/mails/{quote(message_id, safe='')}"


def kept_values(template: Template) -> frozenset[str]:
    """What the one who asks for a mail gives with it."""
    return VALUES[template] - SECRET.get(template, frozenset())
