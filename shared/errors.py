"""A request that the rules refuse.

DomainError
└── one subclass or instance for each rule, named by its stable `code`; `shared.problems` knows the codes' statuses
"""

from collections.abc import Mapping


class DomainError(Exception):
    """Refused by a rule, with nothing changed.

    `code` is stable and machine-readable, `detail` is for a person, `extra` are further members of the problem
    document (`credits`, `required`), and `headers` go onto the answer (`Retry-After`). None may hold a secret.
    `status` is given only where one code has another status than `shared.problems` says.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        self.status = status


class NotFound(DomainError):
    """What does not exist, or is another account's: the two are never told apart."""

    def __init__(self, what: str = "resource") -> None:
        super().__init__("not_found", f"There is no such {what}.")


class Invalid(DomainError):
    """A field that the shape allows and a rule does not. `pointer` is a JSON pointer into the body."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(
            "validation_failed",
            f"{field_of(pointer)}: {message}",
            extra={"errors": [{"pointer": pointer, "message": message}]},
        )


def field_of(pointer: str) -> str:
    """What a person calls the field: `to` of `query:/to`, `amount/currency` of `/amount/currency`."""
    return pointer[pointer.find(":/") + 1 :].lstrip("/") or "The body"
