"""Mail on its way to the gateway."""

revision = "0020"
down_revision = "0019"


def upgrade() -> None: ...
