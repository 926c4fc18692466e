"""What an operator may turn in the gateway. A name that ends in `_credits` is whole credits, in `_minor` US cents."""

from email.utils import parseaddr
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from services.gateway.domain.caller_address import parse_networks
from shared.settings import ServiceSettings


def _list(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    parse_networks(value)
    return value


def _line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("holds what can't be printed; it is one line of text")
    return value.strip()


def _address(value: str) -> str:
    if value and ("@" not in parseaddr(value)[1] or not value.isprintable()):
        raise ValueError("is no address; one is written as help@example.com or Name <help@example.com>")
    return value


class Settings(ServiceSettings):
    """The gateway's own, beside what every service needs."""

    min_credits_api_key: int = Field(
        5_000, ge=0, le=10**9, description="Credits that must be available before an account's first API key (C1)."
    )
    key_calls_per_minute: int = Field(
        100, ge=1, le=10**9, description="Calls a minute that a new API key may make (S2)."
    )
    key_calls_per_day: int = Field(10_000, ge=1, le=10**9, description="Calls a day that a new API key may make (S2).")
    key_max_per_account: int = Field(
        1_000, ge=1, le=100_000, description="How many live API keys one account may have."
    )
    key_rotation_max_seconds: int = Field(
        2_592_000, ge=0, description="The longest time that a rotated key may go on beside its successor."
    )
    key_cache_entries: int = Field(
        50_000, ge=1, description="How many API keys one process remembers; the same number of sessions."
    )

    session_ttl_seconds: int = Field(604_800, ge=60, description="How long a session lives after sign-in.")
    login_failures_per_email: int = Field(
        5, ge=1, description="Failed sign-ins that one email may have in 15 minutes (U10)."
    )
    login_failures_per_address: int = Field(
        50, ge=1, description="Failed sign-ins that one address may have in 15 minutes."
    )
    password_memory_kib: int = Field(
        19_456, ge=8_192, description="Memory that one password hash takes (argon2id), in KiB."
    )
    password_passes: int = Field(2, ge=1, le=100, description="Passes that argon2id makes over it.")
    password_workers: int = Field(2, ge=1, le=64, description="Password hashes that one process makes at a time.")
    password_queue: int = Field(
        64, ge=1, description="Password hashes that may wait for a worker; the rest is told 503 overloaded."
    )

    gateway_max_calls: int = Field(
        4_000, ge=1, description="Paid calls that one process has under way; the rest is told 503 overloaded."
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list), AfterValidator(_networks)] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Addresses and networks, comma-separated, whose X-Forwarded-For is believed.",
    )

    gateway_processes: int = Field(
        1, ge=1, le=64, description="Processes that `serve` runs on its port; each takes a core."
    )
    gateway_machines: int = Field(
        1,
        ge=1,
        le=64,
        description="Machines that run so many each: while Redis is away, every process takes its share of a limit.",
    )
    redis_deadline_ms: int = Field(
        1_000, ge=10, le=5_000, description="How long a paid call waits for Redis before it counts by itself."
    )
    ban_refused_calls: int = Field(
        200, ge=1, description="Limited calls of one key within BAN_WINDOW_SECONDS that get it banned (S2)."
    )
    ban_window_seconds: int = Field(60, ge=1, le=3_600, description="The window in which they are counted.")
    ban_minutes: Annotated[tuple[int, ...], NoDecode, BeforeValidator(_list)] = Field(
        (15, 60, 1_440), description="How long a key's first, second and further bans last, comma-separated."
    )
    ban_memory_days: int = Field(7, ge=1, le=365, description="For how long an earlier ban makes the next one longer.")
    bad_key_incident_calls: int = Field(
        100, ge=1, description="Calls with bad keys from one address within a minute that make an incident."
    )
    billing_deadline_ms: int = Field(
        5_000, ge=100, le=60_000, description="How long a charge, hold, capture or reversal is tried."
    )
    billing_batches_in_flight: int = Field(
        2,
        ge=1,
        le=64,
        description="Requests of postings to billing that one process may have under way. One is, so that batches are"
        " full; more where that one is stuck, or can't carry what waits.",
    )
    billing_queue: int = Field(
        5_000, ge=1, description="Postings that may wait in one process; the rest is told 503 overloaded."
    )
    billing_queue_ms: int = Field(
        1_000,
        ge=10,
        le=60_000,
        description="How long a posting may wait for its turn before new charges and holds are told 503 overloaded.",
    )
    paid_calls_per_account: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        description="Paid calls of one account that one process has under way; the rest is told 503 overloaded.",
    )
    paid_wait_ms: int = Field(
        5_000,
        ge=10,
        le=60_000,
        description="How long a paid call may have waited for its limits' judgement; later it is told 503 overloaded.",
    )
    hold_margin_ms: int = Field(60_000, ge=100, description="How much longer than its route's timeout a hold lasts.")
    hang_up_read_ms: int = Field(
        5_000, ge=0, le=60_000, description="How long an upstream is read on after its caller hung up, for its usage."
    )
    metered_kept_bytes: int = Field(
        128 * 1024 * 1024,
        ge=0,
        description="How many bytes of metered answers one process keeps back until their usage is known and their"
        " callers have taken them, in all, and a quarter of that for one account; past either an answer longer than"
        " 64 KiB flows, and its end waits.",
    )
    slow_caller_ms: int = Field(
        30_000, ge=100, description="How long a paid call waits for its caller to send on, or to read on."
    )
    upstream_connections: int = Field(
        4_000, ge=1, le=65_535, description="Connections to upstreams that one process may hold open."
    )
    upstream_connections_per_host: int = Field(
        2_000,
        ge=1,
        le=65_535,
        description="How many of them may lead to one host and port; more than PAID_CALLS_PER_ACCOUNT, or one account"
        " may keep all of a slow upstream's.",
    )
    upstream_private_allowed: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)] = Field(
        (),
        description="Hosts, addresses and networks, comma-separated, that routes may name in production, though they"
        " are private.",
    )
    crash_at: str = Field(
        "", description="Tests only: the named place of a paid call at which the process dies (`crash_points.py`)."
    )
    stripe_sandbox_url: str = Field(
        "", description="Where the stand-in for Stripe answers, whose time the test clock moves; empty: no test clock."
    )
    demo_upstream_url: str = Field("", description="`seed`: where the demo upstream answers; empty: no demo routes.")

    allowed_hosts: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)] = Field(
        (),
        description="Hosts, comma-separated, that are ours beside PUBLIC_URL's (outside production loopback is too).",
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics/prometheus. Empty: operators' sessions only."
    )

    smtp_host: str = Field("", description="The mail server. Empty: mail waits until there is one.")
    smtp_port: int = Field(25, ge=1, le=65_535, description="The mail server's port.")
    smtp_username: str = Field("", description="Who signs in at the mail server; empty: nobody does.")
    smtp_password: SecretStr = Field(SecretStr(""), description="The password at the mail server.")
    smtp_tls: bool = Field(False, description="Whether mail goes by STARTTLS; in production it must.")
    mail_from: str = Field("Tollgate <noreply@tollgate.local>", description="The sender that mails bear.")
    mail_reply_to: Annotated[str, AfterValidator(_address)] = Field(
        "", description="Where answers to mails go (Reply-To); empty: to MAIL_FROM."
    )
    seller_name: Annotated[str, AfterValidator(_line)] = Field(
        "", description="Who sells: heads the subjects of mails and closes them; empty: nobody is named."
    )
    verified_after_days: int = Field(
        7,
        ge=1,
        le=365,
        description="After how many days a payment verifies its account, if the email address is confirmed (S14).",
    )
    verify_email_ttl_seconds: int = Field(
        259_200, ge=60, description="How long a mailed link may confirm an email address."
    )
    password_reset_ttl_seconds: int = Field(3_600, ge=60, description="How long a mailed link may set a new password.")

    operator_email: str = Field("", description="`seed`: the email of the operator that is made if there is none.")
    operator_password: SecretStr = Field(SecretStr(""), description="`seed` and `create-operator`: its password.")

    @model_validator(mode="after")
    def _only_tests_crash(self) -> Self:
        if self.crash_at and self.environment != "test":
            raise ValueError("CRASH_AT: is set. It is for tests, where ENVIRONMENT=test; leave it out")
        return self

    @model_validator(mode="after")
    def _production_mails_by_tls(self) -> Self:
        if self.environment == "production" and self.smtp_host and not self.smtp_tls:
            raise ValueError("SMTP_TLS: is false. In production mail goes by STARTTLS; set it to true")
        return self
