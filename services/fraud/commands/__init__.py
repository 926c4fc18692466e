"""What an operator asks of fraud at a shell. Each takes its settings as `serve` does."""

from services.fraud.commands.rebuild_features import REBUILD_FEATURES

COMMANDS = {
    "rebuild-features": REBUILD_FEATURES,
}
