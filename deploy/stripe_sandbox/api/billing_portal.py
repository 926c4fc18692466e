"""/v1/billing_portal/sessions: an address where a customer sees to subscriptions and the card."""

from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import Shape, Text
from deploy.stripe_sandbox.domain.values import Json, names
from deploy.stripe_sandbox.use_cases import portal
from deploy.stripe_sandbox.use_cases.turn import Turn

_CREATE = Shape(
    {"customer": Text(), "locale": Text(longest=10), "return_url": Text()},
    required=frozenset({"customer"}),
    unbuilt=names("after_expiration configuration customer_account flow_data on_behalf_of"),
)


def _create(turn: Turn, given: Given) -> Json:
    customer = turn.referred("customer", given.params["customer"], param="customer")
    address = given.params.get("return_url")
    if address is not None and not address.startswith(("http://", "https://")):
        raise StripeError("Not a valid URL", code="url_invalid", param="return_url")
    return portal.create_session(turn, customer, return_url=address, locale=given.params.get("locale"))


OPERATIONS: tuple[Operation, ...] = (operation("POST", "/v1/billing_portal/sessions", _CREATE, _create),)
