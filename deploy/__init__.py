"""How Tollgate is run: on one's own machine, in containers, against a stand-in for Stripe."""
