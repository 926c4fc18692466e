"""Stripe through its own SDK: the only package that knows it.

`gate` holds the SDK, its deadlines and refusals; a module for each matter (checkouts, ...) asks through it. Every
answer is turned into a frozen value of ours there; no StripeObject leaves. Calls have a deadline each and one in all,
and are retried by the SDK under one idempotency key. The API version is pinned, so an SDK update can't change what is
said. With an `api_base` the same code speaks to a sandbox.
"""

from services.billing.clients.stripe.gate import API_VERSION, StripeGate, StripeRefused, StripeUnavailable

__all__ = ["API_VERSION", "StripeGate", "StripeRefused", "StripeUnavailable"]
