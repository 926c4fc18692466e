"""Verbs; each owns its transaction."""
