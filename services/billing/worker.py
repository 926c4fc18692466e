"""Billing's background loops. Each claims its work by a lock, so that any number of processes may run them."""

from collections.abc import Sequence
from functools import partial

from services.billing.events import fraud, licensing
from services.billing.service import Billing
from services.billing.use_cases.auto_top_up import TOP_UPS_EVERY_SECONDS, buy_due
from services.billing.use_cases.blacklist_copy import (
    COPY_EVERY_SECONDS,
    FORGET_EVERY_SECONDS,
    copy_whole,
    forget_expired,
)
from services.billing.use_cases.debts import DEBTS_EVERY_SECONDS, recover_debts
from services.billing.use_cases.expiry import look_after_payments
from services.billing.use_cases.figures import FIGURES_EVERY_SECONDS, show_figures
from services.billing.use_cases.grant_expiry import (
    CATCH_UP_EVERY_SECONDS,
    EXPIRE_EVERY_SECONDS,
    catch_up,
    expire_idle,
)
from services.billing.use_cases.hold_sweep import SWEEP_EVERY_SECONDS, sweep
from services.billing.use_cases.late_judging import LATE_EVERY_SECONDS, judge_late
from services.billing.use_cases.ledger_months import MONTHS_EVERY_SECONDS, make_months_ahead
from services.billing.use_cases.plans import PLANS_EVERY_SECONDS, make_missing
from services.billing.use_cases.reconciliation import LOOK_EVERY_SECONDS, reconcile_if_due
from services.billing.use_cases.refund_making import ASK_EVERY_SECONDS, ask_again
from services.billing.use_cases.reviews import REVIEWS_EVERY_SECONDS, do_decisions
from services.billing.use_cases.sealing import SEAL_EVERY_SECONDS, Sealer, checkpoint_if_due, checkpoint_look_seconds
from services.billing.use_cases.subscription_charges import CHARGES_EVERY_SECONDS, learn_charges
from services.billing.use_cases.subscription_deeds import do_deeds
from services.billing.use_cases.subscription_money import EARN_EVERY_SECONDS, earn
from services.billing.use_cases.subscription_monitoring import LOOK_EVERY_SECONDS as WATCH_EVERY_SECONDS
from services.billing.use_cases.subscription_monitoring import warn_of_contradictions, watch_subscriptions
from services.billing.use_cases.usage_rollup import USAGE_EVERY_SECONDS, drop_old, roll_up
from services.billing.use_cases.webhook_forgetting import forget_events
from services.billing.use_cases.webhook_worker import work_on_events
from shared import idempotency, mails, outbox
from shared.loops import Loop


def loops(billing: Billing) -> Sequence[Loop]:
    """What `serve` runs beside its answers, and `worker` alone."""
    warn_of_contradictions(billing)
    return [
        outbox.dispatcher("billing", billing.database, billing.redis, every_seconds=1.0, bell=billing.news_bell),
        Loop("forget-news", 3600.0, partial(outbox.forget_old, billing.database, billing.clock)),
        Loop("ledger-holds", SWEEP_EVERY_SECONDS, partial(sweep, billing)),
        Loop("credit-expiry", EXPIRE_EVERY_SECONDS, partial(expire_idle, billing), by_clock=True),
        Loop("credit-lots", CATCH_UP_EVERY_SECONDS, partial(catch_up, billing)),
        Loop("ledger-months", MONTHS_EVERY_SECONDS, partial(make_months_ahead, billing)),
        Loop("ledger-seal", SEAL_EVERY_SECONDS, Sealer(billing).seal),
        Loop("ledger-checkpoints", checkpoint_look_seconds(billing), partial(checkpoint_if_due, billing)),
        Loop("stripe-events", 1.0, partial(work_on_events, billing), billing.webhook_bell, by_clock=True),
        Loop("forget-stripe-events", 3600.0, partial(forget_events, billing)),
        Loop("usage-sums", USAGE_EVERY_SECONDS, partial(roll_up, billing)),
        Loop("usage-months", USAGE_EVERY_SECONDS, partial(drop_old, billing)),
        Loop("payments-under-way", 5.0, partial(look_after_payments, billing), by_clock=True),
        Loop("refunds-asked-for", ASK_EVERY_SECONDS, partial(ask_again, billing), by_clock=True),
        Loop("stripe-reconciliation", LOOK_EVERY_SECONDS, partial(reconcile_if_due, billing), rests_first=True),
        Loop("plans-at-stripe", PLANS_EVERY_SECONDS, partial(make_missing, billing)),
        Loop("debts-paid", DEBTS_EVERY_SECONDS, partial(recover_debts, billing), by_clock=True),
        Loop("subscription-charges", CHARGES_EVERY_SECONDS, partial(learn_charges, billing), by_clock=True),
        Loop("subscription-earnings", EARN_EVERY_SECONDS, partial(earn, billing), by_clock=True),
        Loop("auto-top-up", TOP_UPS_EVERY_SECONDS, partial(buy_due, billing), by_clock=True),
        Loop("business-figures", FIGURES_EVERY_SECONDS, partial(show_figures, billing), rests_first=True),
        mails.loop("mails", billing.database, billing.gateway.client, billing.clock),
        Loop("subscriptions", WATCH_EVERY_SECONDS, partial(watch_subscriptions, billing), by_clock=True),
        licensing.reader(billing).loop(billing.licensing_bell),
        fraud.reader(billing).loop(billing.fraud_bell),
        Loop("reviews", REVIEWS_EVERY_SECONDS, partial(do_decisions, billing), billing.reviews_bell, by_clock=True),
        Loop("late-assessments", LATE_EVERY_SECONDS, partial(judge_late, billing), by_clock=True),
        Loop("blacklist-copy", COPY_EVERY_SECONDS, partial(copy_whole, billing)),
        Loop("forget-blacklist", FORGET_EVERY_SECONDS, partial(forget_expired, billing)),
        Loop("subscription-deeds", 10.0, partial(do_deeds, billing), billing.deeds_bell, by_clock=True),
        Loop("forget-answers", 300.0, partial(idempotency.forget_old, billing.database, billing.clock)),
    ]
