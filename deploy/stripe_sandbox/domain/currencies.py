"""Which currencies there are, how many decimals their minor units have, and the bounds of an amount.

Source: Stripe's page "Supported currencies", with its zero-decimal and three-decimal ones and its special cases. Kept
apart from the platform's own list, which a test compares with it: in a list that both read, neither finds a mistake.
"""

from deploy.stripe_sandbox.domain.errors import StripeError
from deploy.stripe_sandbox.domain.values import names

ZERO_DECIMAL = names("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf")
THREE_DECIMAL = names("bhd jod kwd omr tnd")
TWO_DECIMAL = names(
    "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp byn bzd cad cdf "
    "chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl hrk htg "
    "huf idr ils inr isk "
    "jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr "
    "mzn nad ngn nio nok "
    "npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std "
    "svc szl thb tjs top "
    "try ttd twd tzs uah ugx uyu uzs wst xcd yer zar zmw"
)
WHOLE_HUNDREDS = names("isk ugx")
"""Without hundredths in life, and counted in them for the sake of what was built before."""
SUPPORTED = ZERO_DECIMAL | TWO_DECIMAL | THREE_DECIMAL

MOST_MINOR = 99_999_999
_LEAST_MINOR = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "chf": 50, "dkk": 250, "nok": 300, "sek": 300}
_LEAST_OTHER = {0: 50, 2: 50, 3: 200}


def decimals(currency: str) -> int:
    """How many decimals the currency's minor unit has: 0, 2 or 3."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def checked_currency(text: str, *, param: str) -> str:
    """The currency in lower case; raises for one that Stripe does not take."""
    currency = text.lower()
    if currency not in SUPPORTED:
        raise StripeError(
            f"Invalid currency: {text[:20]}. Stripe currently supports these currencies: "
            f"{', '.join(sorted(SUPPORTED))}",
            param=param,
        )
    return currency


def check_amount(amount_minor: int, currency: str, *, param: str) -> None:
    """A payment's bounds, that three-decimal amounts end in 0 (cards settle in two decimals), and that what has no
    hundredths in life is whole."""
    least = _LEAST_MINOR.get(currency, _LEAST_OTHER[decimals(currency)])
    if amount_minor < least:
        raise StripeError(f"Amount must be at least {display(least, currency)}.", code="amount_too_small", param=param)
    if amount_minor > MOST_MINOR:
        raise StripeError(
            f"Amount must be no more than {display(MOST_MINOR, currency)}.",
            code="amount_too_large",
            param=param,
        )
    if decimals(currency) == 3 and amount_minor % 10:
        raise StripeError(
            f"Invalid amount. {currency.upper()} is a three-decimal currency: the amount in its "
            f"minor unit must "
            "be evenly divisible by 10.",
            code="parameter_invalid_integer",
            param=param,
        )
    if currency in WHOLE_HUNDREDS and amount_minor % 100:
        raise StripeError(
            f"Invalid amount. Currency {currency.upper()} has become effectively zero-decimal and charged amounts "
            "must be evenly divisible by 100.",
            code="invalid_charge_amount_no_decimal_compatible",
            param=param,
        )


def display(amount_minor: int, currency: str) -> str:
    """`5.00 USD`, `500 JPY`, `1.500 BHD`: exact, without floats."""
    places = decimals(currency)
    if places == 0:
        return f"{amount_minor:,} {currency.upper()}"
    whole, rest = divmod(abs(amount_minor), 10**places)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole:,}.{rest:0{places}d} {currency.upper()}"
