"""Rules as data: their language, versions and states, and how a set of them judges a payment's signals (U9, U15)."""
