"""Stripe's errors: `{"error": {"type", "code", "message", "param", ...}}` with an HTTP status.

`StripeError` is raised for what the rules refuse and undoes the request's transaction. A declined card is
no such thing: its failed charge stays, so use cases return it as a value (`cards.Decline`).
"""

from deploy.stripe_sandbox.domain.values import Json

INVALID_REQUEST = "invalid_request_error"


class StripeError(Exception):
    """A refused request. `code` and `param` are Stripe's own words."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = INVALID_REQUEST,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param


def error_body(
    message: str,
    *,
    kind: str = INVALID_REQUEST,
    code: str | None = None,
    param: str | None = None,
    **extra: object,
) -> Json:
    """The JSON of an error; absent parts are left out, as Stripe does."""
    parts: Json = {"code": code, "message": message, "param": param, "type": kind, **extra}
    if code is not None:
        parts["doc_url"] = doc_url(code)
    return {"error": {name: value for name, value in sorted(parts.items()) if value is not None}}


def doc_url(code: str) -> str:
    return f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"


def missing_object(kind: str, object_id: str, *, param: str, status: int = 404) -> StripeError:
    """404 for an id in the path, 400 for one in a parameter (the caller says which)."""
    noun = kind.replace(".", " ").replace("_", " ") if kind not in ("payment_intent", "setup_intent") else kind
    if kind == "payment_method":
        noun = "PaymentMethod"
    return StripeError(f"No such {noun}: '{object_id}'", status=status, code="resource_missing", param=param)


def no_key() -> StripeError:
    return StripeError(
        "You did not provide an API key. You need to provide your API key in the Authorization header, "
        "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        status=401,
    )


def wrong_key(key: str) -> StripeError:
    return StripeError(f"Invalid API Key provided: {masked(key)}", status=401)


def masked(key: str) -> str:
    """Enough of a key to recognise it, not enough to use it: the kind and the last four letters."""
    first, _, rest = key.partition("_")
    second, cut, _ = rest.partition("_")
    kind = f"{first}_{second}_" if cut else ""
    hidden = len(key) - len(kind) - 4
    return f"{kind}{'*' * min(hidden, 20)}{key[-4:]}" if hidden > 0 else "*" * len(key)


def unknown_url(method: str, path: str) -> StripeError:
    return StripeError(
        f"Unrecognized request URL ({method}: {path}). If you are trying to list objects, remove "
        f"the trailing "
        "slash. If you are trying to retrieve an object, make sure you passed a valid "
        "(non-empty) identifier.",
        status=404,
    )


def key_reused(key: str) -> StripeError:
    return StripeError(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. "
        f"Try using a key other than '{key}' if you meant to execute a different request.",
        kind="idempotency_error",
    )


def key_in_use(key: str) -> StripeError:
    return StripeError(
        "There is currently another in-progress request using this Stripe-Idempotent-Key (that "
        "probably means "
        f"you submitted twice, and the other request is still going through): {key}.",
        status=409,
        kind="idempotency_error",
        code="idempotency_key_in_use",
    )
