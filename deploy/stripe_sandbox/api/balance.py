"""/v1/balance, /v1/balance_transactions and /v1/payouts: what Stripe holds, what moved it, what it paid out."""

from deploy.stripe_sandbox.api.lists import list_of, list_shape, picked
from deploy.stripe_sandbox.api.operation import Given, Operation, operation
from deploy.stripe_sandbox.domain.balance_transactions import transaction_at
from deploy.stripe_sandbox.domain.currencies import checked_currency
from deploy.stripe_sandbox.domain.params import Labels, Text, Whole, choice, shape
from deploy.stripe_sandbox.domain.values import Json
from deploy.stripe_sandbox.use_cases import balance
from deploy.stripe_sandbox.use_cases.turn import Turn

_PAYOUT = shape(
    required=("amount", "currency"),
    unbuilt=("destination", "payout_method"),
    amount=Whole(1),
    currency=Text(longest=20),
    description=Text(longest=1000),
    metadata=Labels(),
    method=choice("standard"),
    source_type=choice("card"),
    statement_descriptor=Text(longest=22),
)


def _balance(turn: Turn, given: Given) -> Json:
    return balance.balance_now(turn)


def _transaction(turn: Turn, given: Given) -> Json:
    return transaction_at(turn.find("balance_transaction", given.path["id"]), now=turn.now)


def _transactions(turn: Turn, given: Given) -> Json:
    return list_of(
        turn,
        given,
        "balance_transaction",
        "/v1/balance_transactions",
        equal=picked(given.params, "currency", "source", "type"),
        hidden=picked(given.params, "payout"),
        shown=lambda transaction: transaction_at(transaction, now=turn.now),
    )


def _pay_out(turn: Turn, given: Given) -> Json:
    params = given.params
    currency = checked_currency(params["currency"], param="currency")
    return balance.pay_out(turn, amount_minor=params["amount"], currency=currency, given=params)


def _payout(turn: Turn, given: Given) -> Json:
    return turn.find("payout", given.path["id"], param="payout")


def _payouts(turn: Turn, given: Given) -> Json:
    return list_of(turn, given, "payout", "/v1/payouts", equal=picked(given.params, "destination", "status"))


OPERATIONS: tuple[Operation, ...] = (
    operation("GET", "/v1/balance", shape(), _balance),
    operation(
        "GET",
        "/v1/balance_transactions",
        list_shape(currency=Text(), payout=Text(), source=Text(), type=Text()),
        _transactions,
    ),
    operation("GET", "/v1/balance_transactions/{id}", shape(), _transaction),
    operation("POST", "/v1/payouts", _PAYOUT, _pay_out),
    operation("GET", "/v1/payouts", list_shape(destination=Text(), status=Text()), _payouts),
    operation("GET", "/v1/payouts/{id}", shape(), _payout),
)
