"""The card's fields on the portal's and the invoice's page, and how they are read."""

from urllib.parse import parse_qs

from starlette.requests import Request

from deploy.stripe_sandbox.bodies import read_body
from deploy.stripe_sandbox.domain.cards import CardDetails, split_expiry
from deploy.stripe_sandbox.pages.layout import esc

_MAX_BYTES = 1 << 16
_MAX_FIELDS = 100
_MAX_NAME = 200
FIELDS = """<label for="number">Card number</label>
<input id="number" name="number" inputmode="numeric" maxlength="30" placeholder="4242 4242 4242 4242" required>
<div class="pair">
<div><label for="exp">Expiry (MM / YY)</label>
<input id="exp" name="exp" inputmode="numeric" maxlength="9" placeholder="12 / 34" required></div>
<div><label for="cvc">Security code</label>
<input id="cvc" name="cvc" inputmode="numeric" maxlength="4" placeholder="123" required></div>
</div>
<label for="name">Name on card</label>
<input id="name" name="name" maxlength="200">"""


async def read_form(request: Request) -> dict[str, str]:
    """The form's first value of each name; raises StripeError or ValueError for one that is too large."""
    body = await read_body(request, _MAX_BYTES)
    found = parse_qs(body.decode("utf-8", errors="replace"), max_num_fields=_MAX_FIELDS)
    return {name: values[0] for name, values in found.items()}


def details_of(form: dict[str, str]) -> CardDetails:
    month, year = split_expiry(form.get("exp", ""))
    return CardDetails(form.get("number", ""), month, year, cvc=form.get("cvc", ""))


def cardholder_of(form: dict[str, str]) -> str | None:
    return form.get("name", "")[:_MAX_NAME].strip() or None


def reason(text: str | None) -> str:
    """Why the last try failed."""
    return f'<p class="reason" role="alert" id="reason">{esc(text)}</p>' if text else ""
