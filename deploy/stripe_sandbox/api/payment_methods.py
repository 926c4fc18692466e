"""/v1/payment_methods: cards only."""

from deploy.stripe_sandbox.api.customers import ADDRESS
from deploy.stripe_sandbox.api.lists import list_of, picked, undated_list_shape
from deploy.stripe_sandbox.api.operation import Answer, Given, Operation, operation
from deploy.stripe_sandbox.domain import cards
from deploy.stripe_sandbox.domain.cards import CardDetails, Decline
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Labels, Text, Whole, choice, merged, shape
from deploy.stripe_sandbox.domain.payment_methods import billing_details
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import payment_methods, payments
from deploy.stripe_sandbox.use_cases.turn import Turn

_URL = "/v1/payment_methods"
_BILLING = shape(
    address=ADDRESS,
    email=Text(longest=512, blank=True),
    name=Text(blank=True),
    phone=Text(blank=True),
    tax_id=Text(),
)
_CREATE = shape(
    required=("type",),
    type=choice("card"),
    billing_details=_BILLING,
    card=shape(
        unbuilt=("networks", "token"),
        number=Text(longest=30),
        exp_month=Whole(),
        exp_year=Whole(),
        cvc=Text(longest=4),
    ),
    metadata=Labels(),
)
_UPDATE = shape(billing_details=_BILLING, metadata=Labels())


def _create(turn: Turn, given: Given) -> Json | Answer:
    card_given = given.params.get("card", {})
    for name in ("number", "exp_month", "exp_year"):
        if name not in card_given:
            raise StripeError(f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]")
    details = CardDetails(
        card_given["number"], str(card_given["exp_month"]), str(card_given["exp_year"]), card_given.get("cvc")
    )
    card = cards.read_card(details, now=turn.now, salt=turn.salt)
    if isinstance(card, Decline):
        return Answer(payments.card_error(card), status=402)
    return payment_methods.create_method(
        turn,
        card,
        billing=billing_details(given.params.get("billing_details")),
        metadata=given.params.get("metadata"),
        cvc_checked=details.cvc is not None,
    )


def _retrieve(turn: Turn, given: Given) -> Json:
    """One of Stripe's ready-made names is answered with a new method of its card."""
    if given.path["id"] in cards.TEST_METHODS:
        return payment_methods.usable_method(turn, given.path["id"])
    return turn.find("payment_method", given.path["id"], param="payment_method")


def _update(turn: Turn, given: Given) -> Json:
    method = _retrieve(turn, given)
    billing = {**method["billing_details"], **given.params.get("billing_details", {})}
    after = {
        **method,
        "billing_details": billing_details(billing),
        "metadata": merged(method["metadata"], given.params.get("metadata")),
    }
    turn.store.objects.save(after)
    turn.emit("payment_method.updated", after)
    return after


def _attach(turn: Turn, given: Given) -> Json | Answer:
    customer = turn.referred("customer", given.params["customer"], param="customer")
    method_id = given.path["id"]
    if method_id not in cards.TEST_METHODS:
        turn.find("payment_method", method_id, param="payment_method")
    method = payment_methods.usable_method(turn, method_id)
    if method["customer"] not in (None, customer["id"]):
        raise StripeError(
            "The payment method you provided has already been attached to a customer.", param="payment_method"
        )
    result = payment_methods.attach_method(turn, method, customer["id"])
    return Answer(payments.card_error(result), status=402) if isinstance(result, Decline) else result


def _detach(turn: Turn, given: Given) -> Json:
    method = _retrieve(turn, given)
    if method["customer"] is None:
        raise StripeError("The payment method you provided is not attached to a customer so detachment is impossible.")
    return payment_methods.detach_method(turn, method)


def _list(turn: Turn, given: Given) -> Json:
    equal = picked(given.params, "customer", "type")
    return list_of(turn, given, "payment_method", _URL, equal=equal)


OPERATIONS: tuple[Operation, ...] = (
    operation("POST", _URL, _CREATE, _create),
    operation("GET", _URL, undated_list_shape(customer=Text(), type=choice("card")), _list),
    operation("GET", _URL + "/{id}", shape(), _retrieve),
    operation("POST", _URL + "/{id}", _UPDATE, _update),
    operation("POST", _URL + "/{id}/attach", shape(required=("customer",), customer=Text()), _attach),
    operation("POST", _URL + "/{id}/detach", shape(), _detach),
)
