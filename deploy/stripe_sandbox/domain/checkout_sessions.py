"""The checkout session and its states: open -> complete or expired.

An open session has an address; one that is over has none. In `payment` mode `payment_intent` is empty until
the first attempt, and a complete session is paid, or unpaid while its money is on its way. In `subscription` mode
a complete session names the subscription and its first invoice, an open one neither. In `setup` mode there is a setup
intent from the beginning, and never anything to pay.
"""

from dataclasses import dataclass

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.params import merged
from deploy.stripe_sandbox.domain.values import Json

LEAST_SECONDS = 30 * 60
MOST_SECONDS = 24 * 3600

OPEN = "open"
COMPLETE = "complete"
EXPIRED = "expired"

PAYMENT = "payment"
SETUP = "setup"
SUBSCRIPTION = "subscription"

PAID = "paid"
UNPAID = "unpaid"
NOTHING_DUE = "no_payment_required"

_PLACEHOLDER = "{CHECKOUT_SESSION_ID}"

# Parameters that only show: kept and given back as they came.
_ECHOED = (
    "allowed_payment_method_types",
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
    "success_url",
)


def expiry_of(asked_at: int | None, *, now: int) -> int:
    """When the session ends: a day from now, or the asked instant between 30 minutes and 24 hours from
    now."""
    if asked_at is None:
        return now + MOST_SECONDS
    if asked_at < now + LEAST_SECONDS:
        raise StripeError(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            param="expires_at",
        )
    if asked_at > now + MOST_SECONDS:
        raise StripeError(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return asked_at


@dataclass(frozen=True)
class Sale:
    """What a session sells: in payment mode once, in subscription mode for the first period."""

    amount_minor: int
    currency: str
    recurring: bool = False

    @property
    def mode(self) -> str:
        return SUBSCRIPTION if self.recurring else PAYMENT


def new_session(
    session_id: str,
    *,
    given: Json,
    customer: Json | None,
    sale: Sale | None,
    url: str,
    expires_at: int,
    now: int,
) -> Json:
    """An open session: with a `sale`, in setup mode without one."""
    email = customer["email"] if customer else given.get("customer_email")
    amount_minor = sale.amount_minor if sale else None
    session: Json = {
        "id": session_id,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "allowed_payment_method_types": None,
        "amount_subtotal": amount_minor,
        "amount_total": amount_minor,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "branding_settings": _BRANDING,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "collected_information": {"business_name": None, "individual_name": None, "shipping_details": None},
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": sale.currency if sale else given.get("currency"),
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer["id"] if customer else None,
        "customer_account": None,
        "customer_creation": None if customer else _customer_creation(given, sale),
        "customer_details": _details_so_far(email, customer, sale) if email else None,
        "customer_email": given.get("customer_email"),
        "discounts": [] if sale else None,
        "expires_at": expires_at,
        "integration_identifier": None,
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": _NO_INVOICE} if sale and not sale.recurring else None,
        "livemode": False,
        "locale": None,
        "managed_payments": {"enabled": False},
        "metadata": merged({}, given.get("metadata")),
        "mode": sale.mode if sale else SETUP,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required" if sale and not sale.recurring else "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": UNPAID if sale else NOTHING_DUE,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": None,
        }
        if customer and sale
        else None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": OPEN,
        "submit_type": None,
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0} if sale else None,
        "ui_mode": "hosted_page",
        "url": url,
        "wallet_options": None,
    }
    return {**session, **{name: given.get(name) for name in _ECHOED}}


def completed(
    session: Json,
    *,
    customer: Json | None,
    cardholder: str | None,
    payment_status: str,
    subscription: Json | None = None,
) -> Json:
    """The session once its customer has done all that was asked; `subscription` is what it has begun."""
    assert session["status"] == OPEN, f"a session that is {session['status']} cannot be completed"
    known = session["customer_details"] or {}
    details = _details(email=known.get("email"), customer=customer)
    details["name"] = cardholder or details["name"]
    return {
        **session,
        "customer": customer["id"] if customer else session["customer"],
        "customer_details": details,
        "invoice": subscription["latest_invoice"] if subscription else session["invoice"],
        "payment_status": payment_status,
        "status": COMPLETE,
        "subscription": subscription["id"] if subscription else session["subscription"],
        "url": None,
    }


def paid_later(session: Json) -> Json:
    """A complete session whose money has come."""
    assert awaits_money(session), "only a complete session that is unpaid awaits money"
    return {**session, "payment_status": PAID}


def awaits_money(session: Json) -> bool:
    return bool(session["status"] == COMPLETE and session["payment_status"] == UNPAID)


def expired(session: Json) -> Json:
    if session["status"] != OPEN:
        raise StripeError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has '
            f"a status of `{session['status']}`."
        )
    return {**session, "status": EXPIRED, "url": None}


def is_over(session: Json, *, now: int) -> bool:
    """Whether an open session's time has passed, even if nobody has marked it so yet."""
    return bool(session["status"] == OPEN and session["expires_at"] <= now)


def return_address(address: str, session_id: str) -> str:
    """The success address with the session's id in its place."""
    return address.replace(_PLACEHOLDER, session_id)


def _customer_creation(given: Json, sale: Sale | None) -> str:
    if sale and sale.recurring:
        return "always"
    return str(given.get("customer_creation", "if_required"))


def _details_so_far(email: str, customer: Json | None, sale: Sale | None) -> Json:
    """What is known of the customer before the page was filled in: nothing of taxes, unless there is a sale."""
    details = {**_details(email=email, customer=customer), "tax_ids": None}
    return details if sale else {**details, "tax_exempt": None}


def _details(*, email: str | None, customer: Json | None) -> Json:
    return {
        "address": customer["address"] if customer else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": customer["name"] if customer else None,
        "phone": customer["phone"] if customer else None,
        "tax_exempt": customer["tax_exempt"] if customer else "none",
        "tax_ids": [],
    }


_BRANDING: Json = {
    "background_color": "#ffffff",
    "border_style": "rounded",
    "button_color": "#0b5cad",
    "display_name": "Stripe sandbox",
    "font_family": "default",
    "icon": None,
    "logo": None,
}
_NO_INVOICE: Json = {
    "account_tax_ids": None,
    "custom_fields": None,
    "description": None,
    "footer": None,
    "issuer": None,
    "metadata": {},
    "rendering_options": None,
}
