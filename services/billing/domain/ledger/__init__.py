"""The ledger's rules, pure: wallets, transfers, holds, and what a batch of items does to them.

Amounts are integer millicredits throughout. Invariants: spending never takes a wallet under what it holds (S9),
`held` is the sum of the open holds, a transfer's `balance_after` is the wallet's at its position, and positions have
no gap.
"""
