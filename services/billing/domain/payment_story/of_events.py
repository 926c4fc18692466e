"""What came from Stripe: its events, and what reconciliations found by comparing."""

from collections.abc import Iterator

from services.billing.domain.payment_story.facts import Facts, HeardEvent, Noticed, StoryLine


def lines_of_events(facts: Facts) -> Iterator[StoryLine]:
    """In no order. An event is told when it came, with all that has become of it."""
    for event in facts.events:
        version = f" (API version {event.api_version})" if event.api_version else ""
        yield StoryLine(
            event.received_at,
            "event",
            f"Stripe sent {event.type}{version}; {_fate(event)}.",
            {"event_id": event.id, "stripe_event_id": event.stripe_event_id},
        )
    for noticed in facts.noticed:
        yield _noticed(noticed)


def _fate(event: HeardEvent) -> str:
    why = f": {event.error}" if event.error else ""
    times = "once" if event.attempts == 1 else f"{event.attempts} times"
    match event.status:
        case "handled":
            return f"handled{_when(event)}" + ("" if event.attempts == 1 else f", at attempt {event.attempts}")
        case "ignored":
            return f"ignored{_when(event)}{why}"
        case "failed":
            return f"tried {times}, and will be tried again{why}"
        case "parked":
            return f"given up after it was tried {times}, for an operator to replay{why}"
        case _:
            return "it waits to be worked on"


def _when(event: HeardEvent) -> str:
    """The day too, where it took longer than one."""
    at = event.handled_at
    if at is None:
        return ""
    same_day = at.date() == event.received_at.date()
    return f" at {at:%H:%M:%S}" if same_day else f" at {at:%Y-%m-%d %H:%M:%S}"


def _noticed(noticed: Noticed) -> StoryLine:
    found = noticed.difference
    end = "it was repaired" if found.repaired else "it is left for a person"
    return StoryLine(
        noticed.at,
        "reconciliation",
        f"Comparing with Stripe found {found.kind}: here {found.ours}, at Stripe {found.theirs}; {end}.",
        {"reconciliation_id": noticed.report_id, "subject": found.subject},
    )
