"""Other systems: Stripe and siblings."""
