"""The codes of the gateway's own refusals, with their statuses."""

from shared.problems import register_problem

_KINDS = (
    ("invalid_credentials", 401, "Invalid credentials"),
    ("invalid_api_key", 401, "Invalid API key"),
    ("key_banned", 403, "Key banned"),
    ("unknown_route", 404, "Unknown route"),
    ("already_charged", 409, "Already charged"),
    ("email_taken", 409, "Email taken"),
    ("name_taken", 409, "Name taken"),
    ("too_many_keys", 409, "Too many keys"),
    ("clock_busy", 409, "Clock busy"),
    ("expectation_failed", 417, "Expectation failed"),
    ("upstream_error", 502, "Upstream failed"),
    ("clock_not_settled", 503, "Clock not settled"),
    ("upstream_timeout", 504, "Upstream too slow"),
)


def register() -> None:
    """Make them known; once or again."""
    for code, status, title in _KINDS:
        register_problem(code, status, title)
