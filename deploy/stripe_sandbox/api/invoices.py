"""/v1/invoices of subscriptions, their lines, and previews of what is to come."""

from deploy.stripe_sandbox.api.billing_params import CANCEL, PRORATION, InstantOr
from deploy.stripe_sandbox.api.lists import DEFAULT_LIMIT, as_list, list_of, list_shape, picked, undated_list_shape
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.api.subscriptions import CHANGED_ITEM
from deploy.stripe_sandbox.domain import invoices
from deploy.stripe_sandbox.domain.customers import previous_attributes
from deploy.stripe_sandbox.domain.errors import StripeError, error_body
from deploy.stripe_sandbox.domain.params import Flag, Labels, Many, Shape, Text, choice, merged, shape
from deploy.stripe_sandbox.domain.subscriptions import ENDED
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.store.objects import Page
from deploy.stripe_sandbox.use_cases import invoicing, payments, previews
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/invoices"
_UPDATE = shape(
    unbuilt=names(
        "account_tax_ids application_fee_amount automatic_tax automatically_finalizes_at collection_method "
        "custom_fields days_until_due default_payment_method default_source default_tax_rates discounts due_date "
        "effective_at footer issuer number on_behalf_of payment_settings rendering shipping_cost shipping_details "
        "statement_descriptor transfer_data"
    ),
    auto_advance=Flag(),
    description=Text(longest=1500, blank=True),
    metadata=Labels(),
)
_PAY = shape(
    unbuilt=("forgive", "mandate", "source"), off_session=Flag(), paid_out_of_band=Flag(), payment_method=Text()
)
_DETAILS = Shape(
    {
        **CANCEL,
        **PRORATION,
        "billing_cycle_anchor": choice("now", "unchanged"),
        "items": Many(CHANGED_ITEM, most=20),
        "trial_end": InstantOr("now"),
    },
    unbuilt=names("billing_mode billing_schedules cancel_now default_tax_rates resume_at start_date"),
)
_PREVIEW = shape(
    unbuilt=names(
        "automatic_tax currency customer_account customer_details discounts invoice_items issuer on_behalf_of "
        "schedule schedule_details"
    ),
    required=("subscription",),
    customer=Text(),
    preview_mode=choice("next"),
    subscription=Text(),
    subscription_details=_DETAILS,
)


def _retrieve(turn: Turn, given: Given) -> Json:
    return turn.find("invoice", given.path["id"], param="invoice")


def _update(turn: Turn, given: Given) -> Json:
    invoice = _retrieve(turn, given)
    plain: Json = {name: given.params[name] for name in ("auto_advance", "description") if name in given.params}
    after = {**invoice, **plain, "metadata": merged(invoice["metadata"], given.params.get("metadata"))}
    if after != invoice:
        turn.store.objects.save(after)
        turn.emit("invoice.updated", after, previous=previous_attributes(invoice, after))
    return after


def _list(turn: Turn, given: Given) -> Json:
    equal = picked(given.params, "collection_method", "customer", "status")
    if "subscription" in given.params:
        equal["parent.subscription_details.subscription"] = given.params["subscription"]
    return list_of(turn, given, "invoice", _URL, equal=equal)


def _lines(turn: Turn, given: Given) -> Json:
    """A page of the invoice's own list, in its order."""
    invoice, params = _retrieve(turn, given), given.params
    lines: list[Json] = invoice["lines"]["data"]
    places = {line["id"]: place for place, line in enumerate(lines)}
    for name in ("starting_after", "ending_before"):
        if name in params and params[name] not in places:
            raise StripeError(f"No such line item: '{params[name]}'", code="resource_missing", param=name)
    limit = params.get("limit", DEFAULT_LIMIT)
    url = f"{_URL}/{invoice['id']}/lines"
    if "ending_before" in params:
        end = places[params["ending_before"]]
        return as_list(lines[max(end - limit, 0) : end], url, more=end > limit)
    begin = places[params["starting_after"]] + 1 if "starting_after" in params else 0
    return as_list(lines[begin : begin + limit], url, more=len(lines) > begin + limit)


def _finalize(turn: Turn, given: Given) -> Json:
    """By hand: charged at once as a draft's own hour would, where it advances by itself."""
    invoice = invoicing.finalize(turn, _retrieve(turn, given))
    advances = given.params.get("auto_advance", invoice["auto_advance"])
    if invoice["status"] == invoices.OPEN and advances:
        invoicing.collect_by_itself(turn, invoice)
    return turn.find("invoice", invoice["id"])


def _pay(turn: Turn, given: Given) -> Json | Answer:
    invoice, params = _retrieve(turn, given), given.params
    if invoice["status"] == invoices.DRAFT:
        invoice = invoicing.finalize(turn, invoice)
        if invoice["status"] == invoices.PAID:
            return invoice
    invoices.check_payable(invoice)
    if params.get("paid_out_of_band"):
        return invoicing.pay_elsewhere(turn, invoice)
    method = _method(turn, invoice, params.get("payment_method"))
    attempt = invoicing.collect(turn, invoice, method)
    if attempt.decline is not None:
        extra: Json = {"payment_intent": attempt.intent, "payment_method": method}
        if attempt.charge is not None:
            extra["charge"] = attempt.charge["id"]
        return Answer(payments.card_error(attempt.decline, **extra), status=402)
    if attempt.intent["status"] == "requires_action":
        return Answer(_wants_action(), status=402)
    return turn.find("invoice", invoice["id"])


def _void(turn: Turn, given: Given) -> Json:
    return invoicing.void(turn, _retrieve(turn, given))


def _mark_uncollectible(turn: Turn, given: Given) -> Json:
    return invoicing.mark_uncollectible(turn, _retrieve(turn, given))


def _preview(turn: Turn, given: Given) -> Json:
    subscription = turn.referred("subscription", given.params["subscription"], param="subscription")
    if given.params.get("customer", subscription["customer"]) != subscription["customer"]:
        raise StripeError(
            f"The subscription {subscription['id']} does not belong to customer {given.params['customer']}.",
            param="customer",
        )
    details = given.params.get("subscription_details")
    if details is None or subscription["status"] in ENDED:
        return previews.upcoming(turn, subscription)
    return previews.preview_change(turn, subscription, details)


def included_payments(turn: Turn, invoice: Json) -> Json:
    """`expand[]=payments`"""
    found, more = turn.store.objects.page(Page("invoice_payment", 10, equal={"invoice": invoice["id"]}))
    return as_list(found, "/v1/invoice_payments", more=more)


def included_secret(turn: Turn, invoice: Json) -> Json | None:
    """`expand[]=confirmation_secret`: what a browser pays an open invoice with."""
    if invoicing.payment_of(turn, invoice) is None:
        return None
    return {"client_secret": invoicing.intent_of(turn, invoice)["client_secret"], "type": "payment_intent"}


def _method(turn: Turn, invoice: Json, method_id: str | None) -> Json:
    if method_id is not None:
        found = turn.referred("payment_method", method_id, param="payment_method")
        if found["customer"] == invoice["customer"]:
            return found
        raise StripeError(
            "The customer does not have a payment method with the ID "
            f"{method_id}. The payment method must be attached to the customer.",
            code="resource_missing",
            param="payment_method",
        )
    default = invoicing.default_method(turn, invoice)
    if default is None:
        raise StripeError(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set a "
            "`default_payment_method` or attach a payment method to the customer.",
        )
    return default


def _wants_action() -> Json:
    return error_body(
        "Payment for this invoice requires additional user action before it can be completed successfully. Payment can "
        "be completed using the PaymentIntent associated with the invoice.",
        kind="card_error",
        code="invoice_payment_intent_requires_action",
    )


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL + "/create_preview", _PREVIEW, _preview),
    operation(
        "GET",
        _URL,
        list_shape(
            collection_method=choice("charge_automatically", "send_invoice"),
            customer=Text(),
            status=choice("draft", "open", "paid", "uncollectible", "void"),
            subscription=Text(),
        ),
        _list,
    ),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("GET", _URL + "/{id}/lines", undated_list_shape(), _lines),
    operation("POST", _URL + "/{id}/finalize", shape(auto_advance=Flag()), _finalize),
    operation("POST", _URL + "/{id}/pay", _PAY, _pay),
    operation("POST", _URL + "/{id}/void", shape(), _void),
    operation("POST", _URL + "/{id}/mark_uncollectible", shape(), _mark_uncollectible),
)
