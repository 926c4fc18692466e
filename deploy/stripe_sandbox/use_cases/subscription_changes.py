"""A change of a subscription: its items, its trial, its planned end, and what that costs."""

from deploy.stripe_sandbox.domain import invoices, proration, subscriptions
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import invoicing, standing
from deploy.stripe_sandbox.use_cases.payable import settle
from deploy.stripe_sandbox.use_cases.subscription_parts import (
    await_notices,
    check_method,
    in_new_period,
    priced,
    trial_end_of,
    wait_for_invoice,
)
from deploy.stripe_sandbox.use_cases.turn import Turn


def change(turn: Turn, before: Json, given: Json) -> Json:
    """The subscription after an update, what it costs invoiced at once or with the next period, as asked."""
    subscriptions.check_living(before)
    check_method(turn, given, before["customer"])
    after = changed(turn, before, given)
    anew, at = begins_anew(before, after, given), given.get("proration_date", turn.now)
    lines = changed_lines(before, after, given, anew=anew, at=at)
    after = in_new_period(turn, after) if anew else after
    wait_for_invoice(turn, after, lines, at=at)
    if not anew and not (lines and given.get("proration_behavior") == "always_invoice"):
        after = standing.change(turn, before, after)
        await_notices(turn, after)
        return after
    invoice_id = turn.new_id("invoice")
    after = standing.change(turn, before, {**after, "latest_invoice": invoice_id})
    await_notices(turn, after)
    fresh = invoicing.period_lines(turn, invoice_id, subscriptions.items_of(after)) if anew else []
    period = (subscriptions.period_of(before)[0], turn.now)
    invoice = invoicing.draw_up(turn, invoice_id, after, fresh, reason=invoices.UPDATE, period=period)
    settle(turn, invoicing.finalize(turn, invoice), given)
    return turn.find("subscription", after["id"])


def changed(turn: Turn, before: Json, given: Json) -> Json:
    """The subscription with what was given, its period not moved yet; nothing is kept. Raises for what cannot be."""
    after = subscriptions.canceling(_with_trial(turn, before, given), given, now=turn.now)
    after = _with_plain(after, given)
    after = subscriptions.with_items(after, _items_after(turn, after, given.get("items", [])))
    subscriptions.check_items(subscriptions.items_of(after))
    return after


def begins_anew(before: Json, after: Json, given: Json) -> bool:
    """Whether a new period begins now: asked for, by the trial's end, or because the interval is another."""
    if after["status"] not in subscriptions.RENEWING - {subscriptions.TRIALING}:
        return False
    old = subscriptions.recurring_of(subscriptions.items_of(before))
    new = subscriptions.recurring_of(subscriptions.items_of(after))
    is_other = (old["interval"], old["interval_count"]) != (new["interval"], new["interval_count"])
    trial_ended = before["status"] == subscriptions.TRIALING
    return is_other or trial_ended or _anchor(given) == "now"


def _anchor(given: Json) -> str | None:
    """A change says it by a group, a preview by a word."""
    said = given.get("billing_cycle_anchor")
    return said["type"] if isinstance(said, dict) else said


def changed_lines(before: Json, after: Json, given: Json, *, anew: bool, at: int) -> list[proration.Proration]:
    """The prorations of a change; a trial is free, so that there is nothing to give back."""
    if given.get("proration_behavior") == "none" or before["status"] in (subscriptions.TRIALING, subscriptions.PAUSED):
        return []
    old, new = subscriptions.items_of(before), subscriptions.items_of(after)
    if anew or after["status"] == subscriptions.TRIALING:
        return [line for line in (proration.unused(item, at=at) for item in old) if line.amount_minor]
    return proration.of_change(old, new, at=at)


def _items_after(turn: Turn, subscription: Json, wanted: list[Json]) -> list[Json]:
    items = {item["id"]: item for item in subscriptions.items_of(subscription)}
    period = subscriptions.period_of(subscription)
    for place, change_ in enumerate(wanted):
        name = f"items[{place}]"
        known = items.get(change_["id"]) if "id" in change_ else None
        if "id" in change_ and known is None:
            raise StripeError(
                f"No such subscription item: '{change_['id']}'", code="resource_missing", param=f"{name}[id]"
            )
        if known is not None and change_.get("deleted"):
            del items[known["id"]]
            continue
        price = priced(turn, change_, name) if known is None or "price" in change_ else known["price"]
        if known is None:
            item = subscriptions.new_item(
                turn.new_id("subscription_item"),
                subscription_id=subscription["id"],
                price=price,
                quantity=change_.get("quantity", 1),
                metadata=change_.get("metadata"),
                period=period,
                now=turn.now,
            )
        else:
            item = {
                **known,
                "metadata": merged(known["metadata"], change_.get("metadata")),
                "plan": subscriptions.plan_of(price),
                "price": price,
                "quantity": change_.get("quantity", known["quantity"]),
            }
        items[item["id"]] = item
    return list(items.values())


def _with_trial(turn: Turn, subscription: Json, given: Json) -> Json:
    """After `trial_end`: "now" ends a trial, an instant begins or moves one."""
    if "trial_end" not in given:
        return subscription
    if given["trial_end"] == "now":
        if subscription["status"] != subscriptions.TRIALING:
            return subscription
        return {**subscriptions.trial_over(subscription), "trial_end": turn.now}
    end = trial_end_of(given, now=turn.now)
    assert end is not None, "an instant was given"
    items = [subscriptions.in_period(item, (turn.now, end)) for item in subscriptions.items_of(subscription)]
    after = subscriptions.with_items(subscription, items)
    began_at = subscription["trial_start"] if subscription["status"] == subscriptions.TRIALING else turn.now
    return {
        **after,
        "billing_cycle_anchor": end,
        "status": subscriptions.TRIALING,
        "trial_end": end,
        "trial_start": began_at,
    }


def _with_plain(subscription: Json, given: Json) -> Json:
    """Fields that are set and do nothing by themselves."""
    plain: Json = {name: given[name] for name in ("default_payment_method", "description") if name in given}
    after = {**subscription, **plain, "metadata": merged(subscription["metadata"], given.get("metadata"))}
    if "pause_collection" in given:
        asked = given["pause_collection"]
        after["pause_collection"] = asked and {"behavior": asked["behavior"], "resumes_at": asked.get("resumes_at")}
    if "cancellation_details" in given:
        after["cancellation_details"] = {**after["cancellation_details"], **given["cancellation_details"]}
    for group in ("trial_settings", "payment_settings"):
        after[group] = {**subscription[group], **given.get(group, {})}
    return after
