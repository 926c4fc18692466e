"""Credits and money: the ledger, payments, and the inbox of Stripe's events."""
