"""The verbs; each owns its transaction."""
