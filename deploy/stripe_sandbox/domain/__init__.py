"""Rules and values, pure: what Stripe's objects look like and how they change. No I/O, no clock, no
randomness."""
