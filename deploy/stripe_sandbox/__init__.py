"""A stand-in for Stripe on loopback: for `make run` and for tests, never for money.

It owns the part of Stripe's API (version 2026-10-28.endive) that buying credits needs, the hosted payment
page, and signed webhooks with retries. It is an app of its own: it imports nothing of the services, and they
reach it only over HTTP, through the same SDK that talks to Stripe itself. Amounts are integers of a
currency's minor unit, instants whole seconds since 1970 (UTC), as in Stripe's objects.
"""
