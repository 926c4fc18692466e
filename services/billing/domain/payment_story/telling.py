"""The whole story, in order."""

from itertools import chain

from services.billing.domain.payment import Payment
from services.billing.domain.payment_story.amounts import credits_text, minor_text, money_text
from services.billing.domain.payment_story.facts import Facts, StoryLine
from services.billing.domain.payment_story.of_deeds import lines_of_deeds
from services.billing.domain.payment_story.of_events import lines_of_events
from services.billing.domain.payment_story.of_money import lines_of_money
from services.billing.domain.payment_story.of_payment import lines_of_payment
from services.billing.domain.payment_story.of_returns import lines_of_returns


def story_of(facts: Facts) -> list[StoryLine]:
    """Every line, in the order of time; at one instant what causes comes before what follows."""
    told = chain(
        lines_of_payment(facts),
        lines_of_events(facts),
        lines_of_money(facts),
        lines_of_returns(facts),
        lines_of_deeds(facts),
    )
    return sorted(told, key=lambda line: (line.at, line.rank))


def headline(payment: Payment) -> str:
    """What it is by now, in one line."""
    said = f"{payment.id} of {payment.account_id} is {payment.status}: {credits_text(payment.millicredits)}"
    said += f" for {money_text(payment.amount)}"
    if payment.refunded_minor:
        said += f", of which {minor_text(payment.refunded_minor, payment.amount.currency)} went back"
    return said + "."
