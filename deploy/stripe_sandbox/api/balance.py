"""/v1/balance, /v1/balance_transactions and /v1/payouts: what Stripe holds, what moved it, what it paid out."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.balance_transactions import transaction_at
from deploy.stripe_sandbox.domain.params import Text, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases.turn import Turn


def _transaction(turn: Turn, given: Given) -> Json:
    return transaction_at(turn.find("balance_transaction", given.path["id"]), now=turn.now)


def _transactions(turn: Turn, given: Given) -> Json:
    return list_of(
        turn,
        given,
        "balance_transaction",
        "/v1/balance_transactions",
        equal=picked(given.params, "currency", "source", "type"),
        shown=lambda transaction: transaction_at(transaction, now=turn.now),
    )


OPERATIONS: tuple[Operation, ...] = (
    operation(
        "GET", "/v1/balance_transactions", list_shape(currency=Text(), source=Text(), type=Text()), _transactions
    ),
    operation("GET", "/v1/balance_transactions/{id}", shape(), _transaction),
)
