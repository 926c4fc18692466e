"""Instants as a query says them: a date, or an RFC 3339 time."""

from datetime import UTC, datetime, time, timedelta

from shared.errors import Invalid

_DATE_LENGTH = len("2027-01-31")


def instant_of(text: str, name: str, *, whole_day: bool = False) -> datetime:
    """The instant that the query parameter `name` says; of a date its first, or with `whole_day` the next one's.
    Raises Invalid."""
    try:
        parsed = datetime.fromisoformat(text)
        if len(text) == _DATE_LENGTH:
            day = datetime.combine(parsed.date(), time(), UTC)
            return day + timedelta(days=1) if whole_day else day
        if parsed.tzinfo is None:
            raise Invalid(f"query:/{name}", "must have a time zone, as in 2027-01-31T12:00:00Z")
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"query:/{name}", "must be a date or an RFC 3339 time, as 2027-01-31") from error
