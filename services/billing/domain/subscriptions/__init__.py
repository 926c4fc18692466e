"""Subscriptions: what Stripe says of one, what follows from it for its customer, and what he is told."""
