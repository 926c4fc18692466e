"""Mail on its way to the gateway."""

revision = "0004"
down_revision = "0003"


def upgrade() -> None: ...
