"""The account's credits: what there is, what became of them, how more are bought."""

from tollgate_client import views
from tollgate_client.calls.call import Call, Listing, get, idempotent, json_of, make, path_part, sending, without_none
from tollgate_client.views import Credits


def credits() -> Call[views.CreditsBalance]:
    """What the account has, what running calls hold of it, what may be spent."""
    return get("/api/v1/credits")


def transactions(*, page_size: int = 100) -> Listing[views.Transaction]:
    """Every entry, newest first; their sum is the balance."""
    return Listing("/api/v1/credits/transactions", page_size)


def transaction_proof(entry_id: str) -> Call[views.Proof]:
    """The way from an entry to the seal's root."""
    return get(f"/api/v1/credits/transactions/{path_part(entry_id)}/proof")


def checkout(
    *,
    credits: int,
    currency: str | None = None,
    success_url: str | None = None,
    cancel_url: str | None = None,
    device_id: str | None = None,
    save_card: bool | None = None,
    idempotency_key: str | None = None,
) -> Call[views.Checkout]:
    """A page on which `credits` (whole, at least 5,000) are paid."""
    body = without_none(
        credits=credits,
        currency=currency,
        success_url=success_url,
        cancel_url=cancel_url,
        device_id=device_id,
        save_card=save_card,
    )
    return make("/api/v1/credits/checkout", body, idempotency_key)


def auto_top_up() -> Call[views.AutoTopUp]:
    return get("/api/v1/auto-top-up")


def set_auto_top_up(
    *, enabled: bool, threshold: Credits, credits: int, monthly_cap: Credits, idempotency_key: str | None = None
) -> Call[views.AutoTopUp]:
    """Below `threshold` credits buy `credits`, and at most `monthly_cap` credits in a calendar month."""
    body = {"enabled": enabled, "threshold": threshold, "credits": credits, "monthly_cap": monthly_cap}
    return Call(sending("PUT", "/api/v1/auto-top-up", body, idempotent(idempotency_key), may_repeat=True), json_of)
