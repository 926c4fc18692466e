"""News from siblings, one file a producer."""
