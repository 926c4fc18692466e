"""The schema `gateway` and what Redis keeps for it: rows to values and back."""
