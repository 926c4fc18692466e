"""What making and changing a subscription share: prices, trials, cards, waiting items, notices ahead."""

from deploy.stripe_sandbox.domain import billing_periods, invoice_lines, proration, subscriptions
from deploy.stripe_sandbox.domain.billing_periods import DAY
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing
from deploy.stripe_sandbox.use_cases.turn import Turn

TRIAL_WILL_END = "subscription.trial_will_end"
UPCOMING = "subscription.upcoming"
COLLECT_AGAIN = "subscription.collect_again"
TOLD_BEFORE_TRIAL_END = 3 * DAY
TOLD_BEFORE_RENEWAL = 7 * DAY


def await_notices(turn: Turn, subscription: Json) -> None:
    """What is told ahead: the trial's end three days before, a renewal seven."""
    end = subscriptions.period_of(subscription)[1]
    if subscription["status"] == subscriptions.TRIALING:
        at = max(end - TOLD_BEFORE_TRIAL_END, turn.now)
        turn.store.timers.add(TRIAL_WILL_END, subscription["id"], at=at)
    if end - TOLD_BEFORE_RENEWAL > turn.now:
        turn.store.timers.add(UPCOMING, subscription["id"], at=end - TOLD_BEFORE_RENEWAL)
    paused = subscription["pause_collection"]
    if paused is not None and paused["resumes_at"] is not None:
        turn.store.timers.add(COLLECT_AGAIN, subscription["id"], at=paused["resumes_at"])


def trial_end_of(given: Json, *, now: int) -> int | None:
    if "trial_end" in given and "trial_period_days" in given:
        raise StripeError("You may only specify one of: trial_end, trial_period_days.", param="trial_end")
    if given.get("trial_period_days"):
        return int(now + given["trial_period_days"] * DAY)
    asked = given.get("trial_end")
    if asked is None or asked == "now":
        return None
    if asked <= now:
        raise StripeError("Invalid timestamp: must be an integer Unix timestamp in the future.", param="trial_end")
    return int(asked)


def priced(turn: Turn, wanted: Json, name: str) -> Json:
    if "price" not in wanted:
        raise StripeError(f"Missing required param: {name}[price].", code="parameter_missing", param=f"{name}[price]")
    price = turn.referred("price", wanted["price"], param=f"{name}[price]")
    if price["recurring"] is None:
        raise StripeError(
            f"The price specified is set to `type=one_time` but this field only accepts prices with "
            f"`type=recurring`: {price['id']}.",
            param=f"{name}[price]",
        )
    if not price["active"] and not wanted.get("sold_already"):
        raise StripeError(
            "The price specified is inactive. This field only accepts active prices.", param=f"{name}[price]"
        )
    return price


def check_method(turn: Turn, given: Json, customer_id: str) -> None:
    method_id = given.get("default_payment_method")
    if method_id is None:
        return
    found = turn.store.objects.get("payment_method", method_id)
    if found is None or found["customer"] != customer_id:
        raise StripeError(
            f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="default_payment_method",
        )


def in_new_period(turn: Turn, subscription: Json) -> Json:
    """The subscription with a period that begins now, which is its anchor from now on."""
    items = subscriptions.items_of(subscription)
    end = billing_periods.end_after(turn.now, subscriptions.recurring_of(items), turn.now)
    moved = [subscriptions.in_period(item, (turn.now, end)) for item in items]
    after = subscriptions.with_items({**subscription, "billing_cycle_anchor": turn.now}, moved)
    return {**after, "cancel_at": end} if after["cancel_at_period_end"] else after


def as_items(turn: Turn, subscription: Json, lines: list[proration.Proration], *, at: int) -> list[Json]:
    """Prorations as invoice items, not kept."""
    return [
        invoice_lines.new_invoice_item(
            turn.new_id("invoiceitem"),
            line,
            subscription=subscription,
            product_name=invoicing.product_name(turn, line.price),
            at=at,
            now=turn.now,
        )
        for line in lines
    ]


def wait_for_invoice(turn: Turn, subscription: Json, lines: list[proration.Proration], *, at: int) -> None:
    """Keeps prorations for the subscription's next invoice."""
    for item in as_items(turn, subscription, lines, at=at):
        turn.store.objects.insert(item)
        turn.emit("invoiceitem.created", item)
