"""What an operator asks of fraud at a shell. Each takes its settings as `serve` does."""

from services.fraud.commands.backtest import BACKTEST
from services.fraud.commands.blacklist import BLACKLIST
from services.fraud.commands.model import EVALUATE, GENERATE_HISTORY, SCORE, TRAIN
from services.fraud.commands.networks import NETWORKS
from services.fraud.commands.rebuild_features import REBUILD_FEATURES
from services.fraud.commands.rules import RULES
from services.fraud.commands.train_from_history import TRAIN_FROM_HISTORY

COMMANDS = {
    "backtest": BACKTEST,
    "blacklist": BLACKLIST,
    "networks": NETWORKS,
    "rebuild-features": REBUILD_FEATURES,
    "rules": RULES,
    "train": TRAIN,
    "evaluate": EVALUATE,
    "score": SCORE,
    "train-from-history": TRAIN_FROM_HISTORY,
    "generate-history": GENERATE_HISTORY,
}
