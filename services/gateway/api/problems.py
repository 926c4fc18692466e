"""The codes of the gateway's own refusals, with their statuses."""

from shared.problems import register_problem

_KINDS = (
    ("invalid_credentials", 401, "Invalid credentials"),
    ("invalid_api_key", 401, "Invalid API key"),
    ("key_banned", 403, "Key banned"),
    ("email_taken", 409, "Email taken"),
    ("too_many_keys", 409, "Too many keys"),
    ("overloaded", 503, "Overloaded"),
)


def register() -> None:
    """Make them known; once or again."""
    for code, status, title in _KINDS:
        register_problem(code, status, title)
