"""Stripe's API under `/v1`, one file for each resource, and the sandbox's own controls under `/test`."""
