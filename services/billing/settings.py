"""What an operator may turn in billing. Money is in US cents where a name ends in `_minor`."""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from services.billing.domain.business_types import RulesByType
from services.billing.domain.pricing import Rates, read_rates
from services.billing.domain.sale_rules_setting import read_rules
from services.billing.domain.seal.checkpoint import Signer, signer
from services.billing.domain.subscriptions.plan import Plan, PlanId
from services.billing.domain.subscriptions.standing import SubscriptionRules
from shared.money import Money
from shared.settings import Key32, ServiceSettings, Url

Tier = Literal["new", "verified", "enterprise"]


def _names(value: object) -> object:
    """Comma-separated names, without case or surrounding space."""
    if not isinstance(value, str):
        return value
    return tuple(name.strip().lower() for name in value.split(",") if name.strip())


def _parts(value: object) -> object:
    """Comma-separated values as they are."""
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _secret_key(value: object) -> object:
    if isinstance(value, str) and value and not value.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise ValueError("is no secret key of Stripe's; it begins with sk_test_ or sk_live_")
    return value


def _webhook_secrets(value: object) -> object:
    if isinstance(value, str) and any(
        secret.strip() and not secret.strip().startswith("whsec_") for secret in value.split(",")
    ):
        raise ValueError("holds something that is no endpoint secret; each begins with whsec_")
    return value


def _rates(value: str) -> str:
    read_rates(value)
    return value


def _business_rules(value: str) -> str:
    read_rules(value)
    return value


class Settings(ServiceSettings):
    """Billing's own, beside what every service needs."""

    stripe_secret_key: Annotated[SecretStr, BeforeValidator(_secret_key)] = Field(
        SecretStr(""),
        description="Stripe's secret key, sk_test_... or sk_live_.... Empty outside production: checkout answers 503.",
    )
    stripe_publishable_key: str = Field("", description="Stripe's publishable key, for pages that need it.")
    stripe_webhook_secret: Annotated[SecretStr, BeforeValidator(_webhook_secrets)] = Field(
        SecretStr(""),
        description="Secrets of Stripe's webhook endpoint (whsec_...), several with commas while one is replaced by"
        " another. Empty turns the route off.",
    )
    stripe_api_base: Url = Field(
        "", description="Where Stripe's API is. Empty: Stripe itself; else a sandbox's address, in production https."
    )
    stripe_timeout_seconds: float = Field(8.0, gt=0, le=60, description="How long one request to Stripe may take.")
    stripe_total_seconds: float = Field(
        25.0, gt=0, le=100, description="How long one call to Stripe may take with its retries."
    )

    credit_limit_new_minor: int = Field(
        1_000, ge=0, description="US cents that a new account may pay in a rolling 24 hours (S14)."
    )
    credit_limit_verified_minor: int = Field(
        10_000,
        ge=0,
        description="US cents that a verified account may pay in a rolling 24 hours; an enterprise account too, until"
        " an operator gives it a limit of its own (S14).",
    )
    checkout_min_credits: int = Field(
        5_000, ge=500, description="The fewest credits that one checkout sells. Stripe takes no less than 50 cents."
    )
    checkout_max_credits: int = Field(
        100_000_000, ge=500, le=999_999_990, description="The most credits that one checkout sells ($100,000)."
    )
    checkout_minutes: int = Field(
        30, ge=30, le=1_380, description="How long a checkout may be paid. Stripe keeps pages at least 30 minutes."
    )
    checkout_allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        (),
        description="Hosts (shop.example or shop.example:8443), comma-separated, that success and cancel addresses may"
        " name beside the platform's own.",
    )

    sale_minutes: int = Field(
        30, ge=5, le=1_380, description="How long the customer of a sale may take at the bank's page."
    )
    business_rules: Annotated[str, AfterValidator(_business_rules)] = Field(
        "",
        description="Rules of sales (U7, U8) that are other than the defaults, as JSON by business type:"
        ' {"gaming": {"account_day_usd_minor": 20000, "hours": "08:00-22:00 Europe/Berlin"}}; docs/payments.md lists'
        " them.",
    )

    credit_rates: Annotated[str, AfterValidator(_rates)] = Field(
        "bhd:0.376,eur:0.92,gbp:0.79,jpy:155",
        description="What a US dollar is worth in each other currency that credits are sold in, as eur:0.92,jpy:155"
        " (eur, gbp, jpy, bhd; empty: US dollars only). State your own: the default is nobody's market rate.",
    )
    reconcile_every_seconds: int = Field(
        3_600, ge=10, le=86_400, description="How often the last days are compared with Stripe."
    )
    reconcile_days: int = Field(
        30, ge=1, le=30, description="How many days are compared with Stripe. Stripe keeps events for 30."
    )
    top_up_cooldown_seconds: int = Field(
        60,
        ge=1,
        le=86_400,
        description="How long after an automatic top-up the next one waits; twice as long after each decline in a row.",
    )
    top_up_most_declines: int = Field(
        3, ge=1, le=10, description="After how many declines in a row an automatic top-up stops until it is set anew."
    )
    license_plan_id: str = Field(
        "license-monthly",
        pattern=r"^([a-z0-9][a-z0-9-]{0,62})?$",
        description="The plan that is there from the first start (L2). What LICENSE_PLAN_... say of it holds when it is"
        " first made; another price later is another plan. Empty: none is made.",
    )
    license_plan_name: str = Field("License, monthly", min_length=1, max_length=200, description="Its name.")
    license_plan_price_minor: int = Field(
        2_500, ge=50, le=99_999_999, description="What it costs a month, in US cents."
    )
    license_plan_trial_days: int = Field(0, ge=0, le=730, description="Days that a new subscription to it is free.")
    license_plan_max_activations: int = Field(
        1, ge=1, le=1_000_000, description="On how many servers its license may be active (L5)."
    )
    license_plan_entitlements: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = Field(
        (), description="What its license entitles to, comma-separated."
    )
    subscription_check_seconds: int = Field(
        3_600,
        ge=1,
        le=86_400,
        description="How often a subscription is compared with Stripe though nothing was heard (L6).",
    )
    subscription_grace_days: int = Field(
        3, ge=0, le=60, description="Days that a license lives on after its paid period while the payment is late (L6)."
    )
    subscription_max_failures: int = Field(
        3,
        ge=1,
        le=20,
        description="After how many failed attempts at one invoice a subscription is suspended (L6, L11).",
    )
    renewal_notice_hours: int = Field(
        24, ge=0, le=720, description="How long before a renewal its customer is told (L9). 0: not told."
    )
    trial_notice_hours: int = Field(72, ge=0, le=720, description="How long before a trial's end its customer is told.")
    fraud_timeout_ms: int | None = Field(
        None,
        ge=1,
        le=30_000,
        description="Milliseconds that a payment waits for fraud's assessment. Unset: 50 in production, 1000"
        " elsewhere.",
    )
    fraud_away_floor_minor: int | None = Field(
        None,
        ge=0,
        description="While fraud is away, payments up to so many US cents go on, flagged, and larger ones wait in"
        " review until it has judged them. Unset: up to the account's own limit.",
    )
    fraud_away_floor_new_minor: int | None = Field(
        None, ge=0, description="The same for new accounts. Unset: FRAUD_AWAY_FLOOR_MINOR."
    )
    fraud_away_floor_verified_minor: int | None = Field(
        None, ge=0, description="The same for verified accounts. Unset: FRAUD_AWAY_FLOOR_MINOR."
    )
    fraud_away_floor_enterprise_minor: int | None = Field(
        None, ge=0, description="The same for enterprise accounts. Unset: FRAUD_AWAY_FLOOR_MINOR."
    )

    min_credits_api_key: int = Field(
        5_000, ge=0, description="Credits that an account needs for its first API key (C1); billing only tells of it."
    )

    webhook_max_attempts: int = Field(
        12, ge=1, le=100, description="How often one of Stripe's events is tried before it is parked."
    )
    webhook_lease_seconds: int = Field(
        60, ge=1, le=3_600, description="How long a worker may be at one event before another takes it over."
    )

    seal_signing_key: Key32 = Field(
        description="Ed25519 seed (url-safe base64, 32 bytes) that signs the ledger's checkpoints. It belongs in no"
        " backup of the database: with it and the database one could write another past."
    )
    seal_retired_public_keys: Annotated[tuple[Key32, ...], NoDecode, BeforeValidator(_parts)] = Field(
        (),
        description="Public keys (base64, 32 bytes), comma-separated, that signed checkpoints before SEAL_SIGNING_KEY"
        " was replaced.",
    )
    seal_checkpoint_seconds: int = Field(
        86_400, ge=1, le=31_536_000, description="How often the ledger's seals are signed, if there are new ones."
    )
    webhook_keep_days: int = Field(
        90, ge=7, le=3_650, description="How long events of Stripe's that were dealt with are kept, in days."
    )
    usage_keep_months: int = Field(
        13,
        ge=3,
        le=1_200,
        description="How many past months keep each call's record. Older ones keep sums by hour, route and key.",
    )

    @model_validator(mode="after")
    def _production_is_whole(self) -> Self:
        if self.environment == "production":
            if not self.stripe_secret_key.get_secret_value():
                raise ValueError("STRIPE_SECRET_KEY: is not set. It is: Stripe's secret key, sk_live_...")
            if self.stripe_api_base.startswith("http:"):
                raise ValueError("STRIPE_API_BASE: is plain http. In production leave it empty, or use https")
        if self.checkout_max_credits < self.checkout_min_credits:
            raise ValueError("CHECKOUT_MAX_CREDITS: is below CHECKOUT_MIN_CREDITS")
        return self

    @property
    def rates(self) -> Rates:
        """What a US dollar is worth in the currencies that credits are sold in."""
        return read_rates(self.credit_rates)

    @property
    def sale_rules(self) -> RulesByType:
        """What each business type of a sale allows."""
        return read_rules(self.business_rules)

    @property
    def default_plan(self) -> Plan | None:
        """The plan that is there from the first start."""
        if not self.license_plan_id:
            return None
        return Plan(
            id=PlanId(self.license_plan_id),
            name=self.license_plan_name,
            price=Money(self.license_plan_price_minor, "usd"),
            interval="month",
            trial_days=self.license_plan_trial_days,
            max_activations=self.license_plan_max_activations,
            entitlements=self.license_plan_entitlements,
        )

    @property
    def subscription_rules(self) -> SubscriptionRules:
        """By what subscriptions are judged."""
        return SubscriptionRules(
            grace=timedelta(days=self.subscription_grace_days),
            most_failures=self.subscription_max_failures,
            check_every=timedelta(seconds=self.subscription_check_seconds),
            renewal_notice=timedelta(hours=self.renewal_notice_hours),
            trial_notice=timedelta(hours=self.trial_notice_hours),
        )

    @property
    def contradictions(self) -> tuple[str, ...]:
        """What the settings say against each other, in words; nothing that keeps the service from running."""
        if self.subscription_grace_days < self.subscription_max_failures - 1:
            return (
                "SUBSCRIPTION_GRACE_DAYS ends before SUBSCRIPTION_MAX_FAILURES can be reached at an attempt a day:"
                " the grace alone will suspend",
            )
        return ()

    @property
    def seal_signer(self) -> Signer:
        """Signs checkpoints, and knows whose signatures to believe."""
        return signer(self.seal_signing_key, self.seal_retired_public_keys)

    @property
    def livemode(self) -> bool:
        """Whether the key moves real money."""
        return self.stripe_secret_key.get_secret_value().startswith(("sk_live_", "rk_live_"))

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The endpoint's secrets, any of which may sign."""
        secrets = self.stripe_webhook_secret.get_secret_value().split(",")
        return tuple(secret.strip() for secret in secrets if secret.strip())

    @property
    def fraud_timeout_seconds(self) -> float:
        """How long a payment waits for fraud's assessment."""
        by_environment = 50 if self.environment == "production" else 1_000
        return timedelta(milliseconds=self.fraud_timeout_ms or by_environment).total_seconds()

    def fraud_away_floor(self, tier: Tier, own_limit_minor: int | None) -> int:
        """US cents up to which a payment goes on while fraud is away: what is set for the tier, else for all, else the
        account's own limit (S14)."""
        of_tier = {
            "new": self.fraud_away_floor_new_minor,
            "verified": self.fraud_away_floor_verified_minor,
            "enterprise": self.fraud_away_floor_enterprise_minor,
        }[tier]
        floor = self.fraud_away_floor_minor if of_tier is None else of_tier
        return self.credit_limit_minor(tier, own_limit_minor) if floor is None else floor

    def credit_limit_minor(self, tier: Tier, own_limit_minor: int | None) -> int:
        """S14's limit in US cents for 24 hours: the account's own, else its tier's."""
        if own_limit_minor is not None:
            return own_limit_minor
        return self.credit_limit_new_minor if tier == "new" else self.credit_limit_verified_minor
