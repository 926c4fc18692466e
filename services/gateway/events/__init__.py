"""News from siblings."""
