"""What billing does: verbs that own their transactions."""
