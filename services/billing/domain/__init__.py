"""Rules and values, pure."""
