"""What was paid or is to be, and the cards that pay."""

from tollgate_client import views
from tollgate_client.calls.call import Call, Listing, delete, get, make, path_part, without_none


def payments(*, page_size: int = 100) -> Listing[views.Payment]:
    """The account's own, newest first."""
    return Listing("/api/v1/payments", page_size)


def payment(payment_id: str) -> Call[views.Payment]:
    return get(f"/api/v1/payments/{path_part(payment_id)}")


def cancel_payment(payment_id: str, *, idempotency_key: str | None = None) -> Call[views.Payment]:
    """End a pending one, freeing what it reserved."""
    return make(f"/api/v1/payments/{path_part(payment_id)}/cancel", None, idempotency_key)


def payment_refunds(payment_id: str, *, page_size: int = 100) -> Listing[views.Refund]:
    """What of a payment went back."""
    return Listing(f"/api/v1/payments/{path_part(payment_id)}/refunds", page_size)


def payment_methods() -> Listing[views.PaymentMethod]:
    """Saved cards, the default first."""
    return Listing("/api/v1/payment-methods")


def add_payment_method(
    *, success_url: str | None = None, cancel_url: str | None = None, idempotency_key: str | None = None
) -> Call[views.Setup]:
    """A page on which the customer gives a card."""
    body = without_none(success_url=success_url, cancel_url=cancel_url)
    return make("/api/v1/payment-methods", body, idempotency_key)


def choose_payment_method(card_id: str, *, idempotency_key: str | None = None) -> Call[views.PaymentMethod]:
    """Make a card the default, which automatic top-ups charge."""
    return make(f"/api/v1/payment-methods/{path_part(card_id)}/default", None, idempotency_key)


def remove_payment_method(card_id: str) -> Call[None]:
    """It is charged no more."""
    return delete(f"/api/v1/payment-methods/{path_part(card_id)}")
