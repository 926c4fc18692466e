"""Verbs: what callers of the API, the payment page and time itself do to the objects. Each runs in one
transaction."""
