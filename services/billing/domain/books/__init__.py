"""The book of money: what Stripe, its fees and the bank have, which no wallet sees."""
