"""What people did by hand about its disputes and events, by the audit trail. Refunds say themselves who asked."""

from collections.abc import Iterator

from services.billing.domain.payment_story.facts import (
    EVIDENCE_BEGUN,
    EVIDENCE_SUBMITTED,
    WEBHOOK_REPLAYED,
    Deed,
    Facts,
    StoryLine,
)


def lines_of_deeds(facts: Facts) -> Iterator[StoryLine]:
    """In no order."""
    for deed in facts.deeds:
        if deed.action == WEBHOOK_REPLAYED:
            yield _replayed(deed, facts)
        elif deed.action in _ANSWERED:
            named = {"dispute_id": deed.subject, "done_by": deed.actor}
            yield StoryLine(deed.at, "dispute", _ANSWERED[deed.action], named, rank=2)


_ANSWERED = {
    EVIDENCE_BEGUN: "An operator set about answering the dispute; whether the bank took it is told by what follows.",
    EVIDENCE_SUBMITTED: "An operator answered the dispute: evidence was handed to the bank.",
}


def _replayed(deed: Deed, facts: Facts) -> StoryLine:
    event = next(event for event in facts.events if event.id == deed.subject)
    text = f"Stripe's {event.type} was put back by hand, to be worked on again."
    named = {"event_id": event.id, "stripe_event_id": event.stripe_event_id, "done_by": deed.actor}
    return StoryLine(deed.at, "event", text, named, rank=1)
