from services.gateway.domain.metering.usage import Usage
from services.gateway.domain.price import HoldBounds, Price, hold_bounds

BY_TOKEN = Price(1, per_call=0, per_1000_tokens=1_000, per_unit=0, minimum=0)


def test_a_thousand_calls_of_one_token_are_exactly_one_credit() -> None:
    assert sum(BY_TOKEN.cost(Usage(tokens=1)) for _ in range(1_000)) == 1_000


def test_parts_add_up_over_a_minimum_and_fractions_count_whole() -> None:
    price = Price(1, per_call=100, per_1000_tokens=15, per_unit=7, minimum=200)
    assert price.cost(Usage(tokens=1, units=2)) == 200
    assert price.cost(Usage(tokens=10_001, units=2)) == 100 + 151 + 14
    assert price.cost(Usage()) == price.fixed == 200


def test_known_beforehand_is_what_nothing_can_change() -> None:
    assert Price(1, 5, 0, 0, 9).is_known_beforehand
    assert not Price(1, 5, 0, 1, 9).is_known_beforehand


def test_a_hold_is_the_least_of_what_may_be_needed() -> None:
    def bounds(most_tokens: int | None, estimated_input: int = 10, max_hold: int = 500) -> HoldBounds:
        return hold_bounds(BY_TOKEN, max_hold=max_hold, estimated_input=estimated_input, most_tokens=most_tokens)

    assert bounds(300) == HoldBounds(at_least=10, amount=300)
    assert bounds(None) == HoldBounds(at_least=10, amount=500)
    assert bounds(9_000) == HoldBounds(at_least=10, amount=500)
    assert bounds(9_000, estimated_input=800) == HoldBounds(at_least=500, amount=500)
    assert bounds(0, estimated_input=0) == HoldBounds(at_least=1, amount=1)


def test_units_are_never_bounded_by_the_request() -> None:
    price = Price(1, 0, 1_000, 50, 0)
    assert hold_bounds(price, max_hold=700, estimated_input=1, most_tokens=10).amount == 700
