"""Where networks are: what an operator imported, for the signals of location."""

from shared.migrations import execute, grant

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    execute(
        """
        -- An import replaces all rows in one transaction. Of networks that hold an address the narrowest counts.
        CREATE TABLE networks (
            network    cidr PRIMARY KEY,
            country    text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
            latitude   double precision CHECK (latitude BETWEEN -90 AND 90),
            longitude  double precision CHECK (longitude BETWEEN -180 AND 180),
            radius_km  integer CHECK (radius_km >= 0),
            kind       text NOT NULL CHECK (kind IN ('hosting', 'residential', 'mobile', 'business')),
            CHECK ((latitude IS NULL) = (longitude IS NULL) AND (latitude IS NULL) = (radius_km IS NULL))
        );
        CREATE INDEX networks_by_address ON networks USING gist (network inet_ops);
        """
    )
    grant("networks", "SELECT, INSERT, DELETE")
