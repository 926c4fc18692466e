"""Where a customer goes after a page of Stripe's."""

from services.billing.domain.checkout_addresses import AddressRules, checked_address
from services.billing.service import Billing


def return_address(billing: Billing, given: str | None, pointer: str, own_path: str) -> str:
    """The address that was asked for, or the platform's own page. Raises Invalid at `pointer`."""
    settings = billing.settings
    if given is None:
        return f"{settings.public_url}/{own_path}"
    rules = AddressRules(
        settings.public_url, settings.checkout_allowed_hosts, loopback_allowed=settings.environment != "production"
    )
    return checked_address(given, pointer, rules)
