"""Alembic revisions of the gateway schema, in plain SQL."""
