"""Alembic revisions of the licensing schema, in plain SQL."""
