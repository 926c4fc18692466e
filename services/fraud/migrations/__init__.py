"""Alembic revisions of the fraud schema, in plain SQL."""
