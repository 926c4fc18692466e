"""Keys by the month for the bodies of Stripe's events, and the ids by which an event is found.

Events from before keep the bodies that were sealed under the service's own keys (`key_month` is null), and are found
by no id.
"""

from shared.migrations import execute, grant

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    execute(MONTHS)
    grant("webhook_keys", "SELECT, INSERT, DELETE")
    grant("webhook_events", "UPDATE (body, key_month)")


MONTHS = """
-- A key for the month (its first day, of business time), itself sealed. Once none of the month's events is left its row
-- goes, and with it whatever copies of them there are. The reference keeps a key from going sooner; it is not validated,
-- so that a dump of events can be restored without old months' keys.
CREATE TABLE webhook_keys (
    month       date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    wrapped     bytea NOT NULL,
    created_at  timestamptz NOT NULL
);
-- `about` holds the ids of Stripe's objects that the event names.
ALTER TABLE webhook_events
    ADD COLUMN key_month date,
    ADD COLUMN about text[] NOT NULL DEFAULT '{}',
    ADD CONSTRAINT webhook_event_is_under_a_months_key FOREIGN KEY (key_month) REFERENCES webhook_keys NOT VALID;
-- What is left of a month.
CREATE INDEX webhook_events_of_month ON webhook_events (key_month);
CREATE INDEX webhook_events_about ON webhook_events USING gin (about);
-- What waits for an operator.
CREATE INDEX webhook_events_parked ON webhook_events (id) WHERE status = 'parked';
"""
