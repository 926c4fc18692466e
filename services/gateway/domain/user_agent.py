"""What a caller's software says it is, as siblings may be told of it."""

LONGEST_AGENT = 500


def user_agent(said: str | None) -> str | None:
    """The `User-Agent` header in visible ASCII and spaces, cut to 500 characters; None where it says nothing."""
    kept = "".join(character if " " <= character <= "~" else "?" for character in (said or "")[:LONGEST_AGENT])
    return kept.strip() or None
