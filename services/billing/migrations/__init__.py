"""Alembic revisions of the billing schema, in plain SQL."""
