"""The fraud schema's tables: the only room that knows SQL."""
