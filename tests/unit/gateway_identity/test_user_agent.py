"""What siblings are told of a caller's software."""

import pytest

from services.gateway.domain.user_agent import LONGEST_AGENT, user_agent


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Mozilla/5.0 (X11)", "Mozilla/5.0 (X11)"),
        ("  curl/8  ", "curl/8"),
        ("caf\u00e9\tx\u0000", "caf??x?"),
        ("x" * 600, "x" * LONGEST_AGENT),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_agent_is_one_line_of_visible_text(said: str | None, told: str | None) -> None:
    assert user_agent(said) == told
