"""Plans, subscriptions, their invoices, what is asked of Stripe for them, and whether they are watched."""

from shared.migrations import execute, grant

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    execute(CAUSES)
    for statement in (PLANS, SUBSCRIPTIONS, STEPS, INVOICES, DEEDS, MONITORING):
        execute(statement)
    grant("plans", "SELECT, INSERT, UPDATE")
    grant("subscriptions", "SELECT, INSERT, UPDATE")
    grant("subscription_steps", "SELECT, INSERT")
    grant("subscription_invoices", "SELECT, INSERT, UPDATE")
    grant("subscription_deeds", "SELECT, INSERT, UPDATE")
    grant("subscription_monitoring", "SELECT, UPDATE")


CAUSES = """
ALTER TABLE payment_steps DROP CONSTRAINT payment_step_has_a_cause,
    ADD CONSTRAINT payment_step_has_a_cause CHECK (cause IN (
        'checkout', 'event', 'expiry', 'customer', 'operator', 'refund_loop', 'reconciliation', 'top_up',
        'subscription_check', 'subscription_deed', 'unknown'));
"""

PLANS = """
-- What is sold. The price is in its currency's minor unit, for every `interval_count` intervals. A plan's price never
-- changes; another price is another plan. `stripe_product_id` and `stripe_price_id` are null until they are made.
CREATE TABLE plans (
    id                 text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name               text NOT NULL,
    price_minor        bigint NOT NULL CHECK (price_minor > 0),
    currency           text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    "interval"         text NOT NULL CHECK ("interval" IN ('day', 'week', 'month', 'year')),
    interval_count     integer NOT NULL DEFAULT 1 CHECK (interval_count > 0),
    trial_days         integer NOT NULL DEFAULT 0 CHECK (trial_days >= 0),
    max_activations    integer NOT NULL DEFAULT 1 CHECK (max_activations > 0),
    lease_seconds      integer CHECK (lease_seconds > 0),
    entitlements       text[] NOT NULL DEFAULT '{}',
    live               boolean NOT NULL DEFAULT true,
    stripe_product_id  text,
    stripe_price_id    text UNIQUE,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
"""

SUBSCRIPTIONS = """
-- `status`, `standing` and `reason` are judged (domain/subscriptions/standing.py) from what Stripe said when it was asked
-- at `asked_at` (real time); all other instants are business time. `version` grows with each change that siblings hear
-- of. `check_at` is when it is looked at though nothing was heard, null once it has ended for good; `leased_until` (real
-- time) keeps two lookers apart.
CREATE TABLE subscriptions (
    id                       text COLLATE "C" PRIMARY KEY,
    account_id               text COLLATE "C" NOT NULL CHECK (account_id <> ''),
    plan_id                  text COLLATE "C" NOT NULL REFERENCES plans,
    price_minor              bigint NOT NULL CHECK (price_minor > 0),
    currency                 text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    status                   text NOT NULL CHECK (status IN ('incomplete', 'trialing', 'active', 'past_due', 'suspended',
                                                             'paused', 'canceled', 'expired')),
    standing                 text NOT NULL CHECK (standing IN ('pending', 'good', 'suspended', 'revoked', 'void')),
    reason                   text,
    version                  bigint NOT NULL CHECK (version > 0),
    stripe_status            text,
    stripe_subscription_id   text COLLATE "C" UNIQUE,
    stripe_customer_id       text COLLATE "C",
    session_id               text COLLATE "C" UNIQUE,
    checkout_url             text,
    current_period_start_at  timestamptz,
    current_period_end_at    timestamptz,
    expires_at               timestamptz,
    trial_ends_at            timestamptz,
    cancel_at_period_end     boolean NOT NULL DEFAULT false,
    canceled_at              timestamptz,
    payment_failures         integer NOT NULL DEFAULT 0 CHECK (payment_failures >= 0),
    failing_invoice_id       text,
    suspended_at             timestamptz,
    paused_at                timestamptz,
    asked_at                 timestamptz,
    check_at                 timestamptz,
    leased_until             timestamptz NOT NULL DEFAULT '-infinity',
    created_at               timestamptz NOT NULL,
    updated_at               timestamptz NOT NULL,
    CONSTRAINT subscription_is_suspended_since CHECK ((suspended_at IS NOT NULL) = (standing = 'suspended')),
    CONSTRAINT subscription_that_is_good_says_no_reason CHECK (standing <> 'good' OR reason IS NULL)
);
CREATE INDEX subscriptions_of_account ON subscriptions (account_id, id);
CREATE INDEX subscriptions_to_check ON subscriptions (check_at) WHERE check_at IS NOT NULL;
CREATE INDEX subscriptions_failing ON subscriptions (stripe_customer_id) WHERE failing_invoice_id IS NOT NULL;
CREATE INDEX subscriptions_by_status ON subscriptions (status, id);
"""

STEPS = """
-- What each subscription became, why, and by whose news: only ever added to. `at` is business time.
CREATE TABLE subscription_steps (
    subscription_id  text COLLATE "C" NOT NULL REFERENCES subscriptions,
    seq              bigint GENERATED ALWAYS AS IDENTITY,
    at               timestamptz NOT NULL,
    from_status      text,
    to_status        text NOT NULL,
    standing         text NOT NULL,
    reason           text,
    cause            text NOT NULL,
    reference        text COLLATE "C",
    PRIMARY KEY (subscription_id, seq)
);
"""

INVOICES = """
-- Invoices of subscriptions as Stripe has them, in minor units. `period_start_at` and `period_end_at` are those of the
-- period that it sells, null where it sells none (a proration). `payment_id` is the payment that its money was booked as.
CREATE TABLE subscription_invoices (
    stripe_invoice_id  text COLLATE "C" PRIMARY KEY,
    subscription_id    text COLLATE "C" NOT NULL REFERENCES subscriptions,
    status             text NOT NULL,
    billing_reason     text NOT NULL,
    currency           text NOT NULL CHECK (currency ~ '^[a-z]{3}$'),
    total_minor        bigint NOT NULL,
    paid_minor         bigint NOT NULL,
    attempts           integer NOT NULL,
    period_start_at    timestamptz,
    period_end_at      timestamptz,
    intent_id          text,
    charge_id          text,
    paid_at            timestamptz,
    payment_id         text COLLATE "C" UNIQUE REFERENCES payments,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL
);
CREATE INDEX subscription_invoices_of_subscription ON subscription_invoices (subscription_id, created_at);
"""

DEEDS = """
-- What is asked of Stripe because of what a subscription has become, once for each id (`void:in_1`, `pay:in_1:pm_2`):
-- written with the change that wants it, done afterwards. `object_id` is Stripe's subscription or invoice. `due_at`,
-- which is also a lease, and `done_at` are real time; `outcome` is `done` or what Stripe refused it by.
CREATE TABLE subscription_deeds (
    id               text COLLATE "C" PRIMARY KEY,
    subscription_id  text COLLATE "C" NOT NULL REFERENCES subscriptions,
    kind             text NOT NULL CHECK (kind IN ('cancel', 'void', 'refund', 'collect', 'pay')),
    object_id        text COLLATE "C" NOT NULL,
    card_id          text COLLATE "C",
    created_at       timestamptz NOT NULL,
    attempts         integer NOT NULL DEFAULT 0,
    due_at           timestamptz NOT NULL DEFAULT now(),
    done_at          timestamptz,
    outcome          text,
    CONSTRAINT deed_that_is_done_has_an_outcome CHECK ((done_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT deed_names_the_card_that_pays CHECK ((card_id IS NOT NULL) = (kind = 'pay'))
);
CREATE INDEX subscription_deeds_to_do ON subscription_deeds (due_at) WHERE done_at IS NULL;
CREATE INDEX subscription_deeds_of_subscription ON subscription_deeds (subscription_id, created_at);
"""

MONITORING = """
-- One row: whether subscriptions are looked at though nothing was heard, and who said so last.
CREATE TABLE subscription_monitoring (
    singleton   boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    running     boolean NOT NULL,
    changed_at  timestamptz,
    changed_by  text COLLATE "C",
    looked_at   timestamptz
);
INSERT INTO subscription_monitoring (running) VALUES (true);
"""
