"""Cards: what a number does when it is charged, and what is wrong with a number that is none.

Only Stripe's published test numbers are known; any other number that passes its checksum is refused as a
real card in test mode would be. A full number never leaves this room: what is kept is brand, last four
digits and fingerprint. Source: Stripe's page "Test card numbers".
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from deploy.stripe_sandbox.domain.errors import doc_url
from deploy.stripe_sandbox.domain.values import Json


@dataclass(frozen=True)
class Decline:
    """Why a card was refused: `code`, `decline_code` and `kind` are Stripe's, `message` is for the customer."""

    code: str
    message: str
    decline_code: str | None = None
    param: str | None = None
    seller_message: str = "The bank did not return any further details with this decline."
    kind: str = "card_error"


GENERIC = Decline("card_declined", "Your card was declined.", "generic_decline")
INSUFFICIENT_FUNDS = Decline(
    "card_declined",
    "Your card has insufficient funds.",
    "insufficient_funds",
    seller_message="The bank returned the decline code `insufficient_funds`.",
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    "authentication_required",
    seller_message="The bank returned the decline code `authentication_required`.",
)
LIVE_CARD = Decline(
    "card_declined",
    "Your card was declined. Your request was in test mode, but used a non test card. For a "
    "list of valid test "
    "cards, visit: https://stripe.com/docs/testing.",
    "test_mode_live_card",
)
DECLINES: dict[str, Decline] = {
    "generic_decline": GENERIC,
    "insufficient_funds": INSUFFICIENT_FUNDS,
    "authentication_required": AUTHENTICATION_REQUIRED,
    "test_mode_live_card": LIVE_CARD,
    "lost_card": Decline("card_declined", "Your card was declined.", "lost_card"),
    "stolen_card": Decline("card_declined", "Your card was declined.", "stolen_card"),
    "expired_card": Decline("expired_card", "Your card has expired.", param="exp_month"),
    "incorrect_cvc": Decline("incorrect_cvc", "Your card's security code is incorrect.", param="cvc"),
    "processing_error": Decline(
        "processing_error", "An error occurred while processing your card. Try again in a little bit."
    ),
}

PAYS = "pays"
# These pay; what comes of it later is the disputes' and the refunds' to say.
PAYS_THEN_DISPUTED = "pays_then_disputed"
PAYS_THEN_NOT_RECEIVED = "pays_then_not_received"
PAYS_THEN_ASKED_ABOUT = "pays_then_asked_about"
PAYS_BUT_REFUND_FAILS = "pays_but_refund_fails"
PAYS_BUT_REFUND_WAITS = "pays_but_refund_waits"
# The money is on its way until a control says that it came, or did not: what bank debits do at Stripe.
PAYS_LATER = "pays_later"

# When the bank asks the customer for 3-D Secure. With the customer there, all but the first ask.
NEVER = "never"
UNLESS_SET_UP = "unless_set_up"
NOT_OFF_SESSION = "not_off_session"
ALWAYS = "always"


@dataclass(frozen=True)
class TestCard:
    """`behaviour` is what happens on a charge: `PAYS...`, or a name of `DECLINES`; `authentication` comes
    before it."""

    brand: str
    behaviour: str = PAYS
    country: str = "US"
    funding: str = "credit"
    attaches: bool = True
    authentication: str = NEVER

    __test__ = False  # pytest: the name is the trade's word, not a test class


TEST_CARDS: dict[str, TestCard] = {
    "4242424242424242": TestCard("visa"),
    "4000056655665556": TestCard("visa", funding="debit"),
    "5555555555554444": TestCard("mastercard"),
    "5200828282828210": TestCard("mastercard", funding="debit"),
    "378282246310005": TestCard("amex"),
    "6011111111111117": TestCard("discover"),
    "3566002020360505": TestCard("jcb", country="JP"),
    "4000002760000016": TestCard("visa", country="DE"),
    "4000000000000077": TestCard("visa"),
    "4000000000000259": TestCard("visa", PAYS_THEN_DISPUTED),
    "4000000000002685": TestCard("visa", PAYS_THEN_NOT_RECEIVED),
    "4000000000001976": TestCard("visa", PAYS_THEN_ASKED_ABOUT),
    "4000000000005126": TestCard("visa", PAYS_BUT_REFUND_FAILS),
    "4000000000007726": TestCard("visa", PAYS_BUT_REFUND_WAITS),
    "4000000000000341": TestCard("visa", "generic_decline"),
    "4000000000000002": TestCard("visa", "generic_decline", attaches=False),
    "4000000000009995": TestCard("visa", "insufficient_funds", attaches=False),
    "4000000000009987": TestCard("visa", "lost_card", attaches=False),
    "4000000000009979": TestCard("visa", "stolen_card", attaches=False),
    "4000000000000069": TestCard("visa", "expired_card", attaches=False),
    "4000000000000127": TestCard("visa", "incorrect_cvc", attaches=False),
    "4000000000000119": TestCard("visa", "processing_error", attaches=False),
    "4000002500003155": TestCard("visa", country="FR", authentication=UNLESS_SET_UP),
    "4000002760003184": TestCard("visa", country="DE", authentication=ALWAYS),
    "4000003800000446": TestCard("visa", country="GB", authentication=NOT_OFF_SESSION),
    "4000000000003220": TestCard("visa", authentication=ALWAYS),
    "4000008260003178": TestCard("visa", "insufficient_funds", country="GB", authentication=ALWAYS),
    # The sandbox's own number; Stripe has no such card.
    "4000000000008088": TestCard("visa", PAYS_LATER),
}

# Ready-made payment methods of Stripe's test mode -> the number behind each.
TEST_METHODS: dict[str, str] = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_bypassPending": "4000000000000077",
    "pm_card_createDispute": "4000000000000259",
    "pm_card_createDisputeProductNotReceived": "4000000000002685",
    "pm_card_createDisputeInquiry": "4000000000001976",
    "pm_card_refundFail": "4000000000005126",
    "pm_card_pendingRefund": "4000000000007726",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_threeDSecure2Required": "4000000000003220",
}


@dataclass(frozen=True)
class Card:
    """A card that passed its checks, without its number."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    country: str
    funding: str
    fingerprint: str
    behaviour: str
    attaches: bool = True
    authentication: str = NEVER


@dataclass(frozen=True)
class CardDetails:
    """What was typed into the payment page or sent in `card[...]`; all text, nothing believed."""

    number: str
    exp_month: str
    exp_year: str
    cvc: str | None


INCORRECT_NUMBER = Decline("incorrect_number", "Your card number is incorrect.", param="number")
INVALID_MONTH = Decline("invalid_expiry_month", "Your card's expiration month is invalid.", param="exp_month")
INVALID_YEAR = Decline("invalid_expiry_year", "Your card's expiration year is in the past.", param="exp_year")
INVALID_CVC = Decline("invalid_cvc", "Your card's security code is invalid.", param="cvc")

_MAX_YEARS_AHEAD = 50
_TWO_DIGITS = 2
_EXP = re.compile(r"^\s*([0-9]{1,2})\s*[/ -]?\s*([0-9]{4}|[0-9]{2})\s*$", re.ASCII)


def split_expiry(text: str) -> tuple[str, str]:
    """Month and year out of `12/34`, `12 / 2034`, `1234`; empty texts if it is no date."""
    found = _EXP.match(text)
    return (found[1], found[2]) if found else ("", "")


def read_card(details: CardDetails, *, now: int, salt: str) -> Card | Decline:
    """The card behind what was typed, or what is wrong with it. `now` is in seconds; `salt` makes
    fingerprints."""
    number = re.sub(r"[ -]", "", details.number)
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and passes_luhn(number)):
        return INCORRECT_NUMBER
    expiry = _expiry(details, now)
    if isinstance(expiry, Decline):
        return expiry
    known = TEST_CARDS.get(number, TestCard(_brand_of(number), "test_mode_live_card", attaches=False))
    if details.cvc is not None and not _cvc_fits(details.cvc, known.brand):
        return INVALID_CVC
    return _card(number, known, expiry, salt)


def ready_made(name: str, *, now: int, salt: str) -> Card | None:
    """The card of a ready-made payment method (`pm_card_visa`), good until next year."""
    number = TEST_METHODS.get(name)
    if number is None:
        return None
    at = datetime.fromtimestamp(now, UTC)
    return _card(number, TEST_CARDS[number], (at.month, at.year + 1), salt)


def passes_luhn(number: str) -> bool:
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(part // 10 + part % 10 for part in doubled) % 10 == 0


def asks_when_present(card: Card) -> bool:
    """Whether a charge with the customer there begins with 3-D Secure."""
    return card.authentication != NEVER


def asks_on_setup(card: Card) -> bool:
    return card.authentication in (UNLESS_SET_UP, ALWAYS)


def refuses_off_session(card: Card, *, set_up: bool) -> bool:
    """Whether a charge without the customer is refused for want of 3-D Secure."""
    return card.authentication == ALWAYS or (card.authentication == UNLESS_SET_UP and not set_up)


def decline_of(card_behaviour: str) -> Decline | None:
    """None for a card that pays."""
    return DECLINES.get(card_behaviour)


def decline_fields(decline: Decline) -> Json:
    """The error's fields, in an answer and in an intent's `last_payment_error`; absent ones are left out."""
    by_bank = decline.code == "card_declined"
    fields: Json = {
        "advice_code": "try_again_later" if by_bank else None,
        "code": decline.code,
        "decline_code": decline.decline_code,
        "doc_url": doc_url(decline.code),
        "message": decline.message,
        "network_decline_code": "01" if by_bank else None,
        "param": decline.param,
        "type": decline.kind,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _card(number: str, known: TestCard, expiry: tuple[int, int], salt: str) -> Card:
    month, year = expiry
    return Card(
        brand=known.brand,
        last4=number[-4:],
        exp_month=month,
        exp_year=year,
        country=known.country,
        funding=known.funding,
        fingerprint=_fingerprint(number, salt),
        behaviour=known.behaviour,
        attaches=known.attaches,
        authentication=known.authentication,
    )


def _expiry(details: CardDetails, now: int) -> tuple[int, int] | Decline:
    month_text, year_text = details.exp_month.strip(), details.exp_year.strip()
    if not (month_text.isascii() and month_text.isdigit() and 1 <= int(month_text[:4]) <= 12):
        return INVALID_MONTH
    if not (year_text.isascii() and year_text.isdigit() and len(year_text) in (2, 4)):
        return INVALID_YEAR
    month = int(month_text)
    year = int(year_text) + (2000 if len(year_text) == _TWO_DIGITS else 0)
    at = datetime.fromtimestamp(now, UTC)
    if (year, month) < (at.year, at.month) or year > at.year + _MAX_YEARS_AHEAD:
        return INVALID_MONTH if year == at.year else INVALID_YEAR
    return month, year


def _cvc_fits(cvc: str, brand: str) -> bool:
    length = 4 if brand == "amex" else 3
    return cvc.isascii() and cvc.isdigit() and len(cvc) == length


def _brand_of(number: str) -> str:
    if number.startswith(("34", "37")):
        return "amex"
    return {"4": "visa", "5": "mastercard", "6": "discover"}.get(number[0], "unknown")


def _fingerprint(number: str, salt: str) -> str:
    digest = hashlib.sha256(f"{salt}:{number}".encode()).hexdigest()
    return digest[:16]
