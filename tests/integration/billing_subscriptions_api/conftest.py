"""Subscriptions at the API: the shop of payments, with plans."""

from tests.integration.billing_payments.conftest import open_shop, shop

__all__ = ["open_shop", "shop"]
