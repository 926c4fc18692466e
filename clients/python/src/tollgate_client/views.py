"""What the API answers, as it stands on the wire: times are RFC 3339 text (`datetime.fromisoformat` reads them),
credits whole or decimal numbers with at most three decimals, never floats, and money in a currency's minor unit. An
answer may have members that a newer platform added."""

from decimal import Decimal
from typing import Any, Literal, NotRequired, TypedDict

Credits = int | Decimal


class Money(TypedDict):
    amount: int
    currency: str


class Account(TypedDict):
    id: str
    email: str
    name: str | None
    country: str | None
    role: str
    tier: str
    status: str
    email_verified: bool
    created_at: str


class SignedIn(TypedDict):
    account: Account
    token: str
    expires_at: str


class Limits(TypedDict):
    per_minute: int | None
    per_day: int | None


class ApiKey(TypedDict):
    id: str
    name: str
    prefix: str
    last4: str
    scopes: list[str]
    allowed_ips: list[str]
    limits: Limits
    created_at: str
    expires_at: str | None


class CreatedApiKey(ApiKey):
    """The only time that the key itself is shown."""

    key: str


class ExpiringCredits(TypedDict):
    credits: Credits
    expires_at: str


class CreditsBalance(TypedDict):
    credits: Credits
    held: Credits
    available: Credits
    currency_value: Money
    first_key_minimum: Credits
    expiring: NotRequired[list[ExpiringCredits] | None]


class Transaction(TypedDict):
    id: str
    type: str
    credits: Credits
    balance_after: Credits
    description: str
    created_at: str
    reference: str | None


class Proof(TypedDict):
    """`docs/proofs.md` of the platform says how it is checked."""

    entry: dict[str, Any]
    path: list[dict[str, str]]
    root: str
    sealed_at: str
    checkpoint: dict[str, str] | None


class Checkout(TypedDict):
    """Where to pay; while the payment is in review there is `status` and no page yet."""

    payment_id: str
    checkout_url: NotRequired[str | None]
    expires_at: NotRequired[str | None]
    status: NotRequired[str]


class Reason(TypedDict):
    code: str
    detail: str


class Payment(TypedDict):
    id: str
    type: Literal["credits", "sale", "subscription"]
    status: str
    amount: Money
    score: int | float | None
    reasons: list[Reason]
    refunded: Money
    created_at: str
    failure: NotRequired[dict[str, str]]
    credits: NotRequired[Credits]
    rate: NotRequired[str]
    checkout_url: NotRequired[str | None]
    next_action_url: NotRequired[str | None]


class Refund(TypedDict):
    """`credits` are those that it has taken back."""

    id: str
    payment_id: str
    amount: Money
    credits: Credits
    status: str
    created_at: str


class Device(TypedDict):
    """`payments` counts those that were judged with it."""

    id: str
    type: str
    capabilities: list[str]
    name: str | None
    payments: int
    last_used_at: str | None
    created_at: str


class PaymentMethod(TypedDict):
    id: str
    type: Literal["card"]
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class Setup(TypedDict):
    setup_url: str


class AutoTopUp(TypedDict):
    enabled: bool
    threshold: Credits
    credits: Credits
    monthly_cap: Credits
    status: str
    stopped_reason: str | None
    waits_for: str | None
    declines: int
    bought_this_month: Credits
    next_attempt_at: str | None


class UsageSum(TypedDict):
    bucket: str
    calls: int
    tokens: int
    credits: Credits


class Usage(TypedDict):
    data: list[UsageSum]


class UsageOfCall(TypedDict):
    request_id: str
    route: str
    key_id: str
    units: dict[str, int]
    price_version: int
    held: Credits
    credits: Credits
    outcome: str
    created_at: str


class Plan(TypedDict):
    id: str
    name: str
    price: Money
    interval: str
    interval_count: int
    trial_days: int
    max_activations: int
    lease_seconds: int | None
    entitlements: list[str]


class Plans(TypedDict):
    data: list[Plan]


class SubscriptionCheckout(TypedDict):
    id: str
    checkout_url: str | None


class Subscription(TypedDict):
    """`expires_at` is the end of what is paid, or of a trial."""

    id: str
    status: str
    stripe_status: str | None
    reason: str | None
    plan: str
    price: Money
    current_period_start: str | None
    current_period_end: str | None
    expires_at: str | None
    trial_end: str | None
    cancel_at_period_end: bool
    canceled_at: str | None
    paused_at: str | None
    payment_failures: int
    license_id: str | None
    created_at: str
    checkout_url: NotRequired[str]


class License(TypedDict):
    """A license as its owner sees it; newer members may stand beside these."""

    id: str
    status: str
    plan: str | None
    expires_at: str | None
    grace_ends_at: str | None
    max_activations: int
    entitlements: list[str]
    subscription_id: str | None
    reason: str | None
    created_at: str


class LicenseKey(License):
    """With its key, 16 groups of 16 hexadecimal digits."""

    key: str


class Activation(TypedDict):
    """One server's seat; it holds it while `active`. `ending` says why it ended, `follows` whose seat it was before."""

    id: str
    license_id: str
    server_id: str
    fingerprint: str | None
    metadata: dict[str, str | int | bool | None]
    active: bool
    activated_at: str
    lease_until: str | None
    last_heartbeat_at: str | None
    deactivated_at: str | None
    ending: str | None
    follows: str | None


class Explanation(TypedDict):
    """A verdict step by step, and what became of the license."""

    license: License
    valid: bool
    code: str
    detail: str
    steps: list[dict[str, Any]]
    history: list[dict[str, Any]]


class LicenseFileAnswer(TypedDict):
    file: str
    expires_at: str


class PublicKeyView(TypedDict):
    kid: str
    alg: str
    public_key: str
    not_before: NotRequired[str | None]
    retired_at: NotRequired[str | None]


class PublicKeys(TypedDict):
    data: list[PublicKeyView]
