"""What an operator asks of billing at a shell. Each takes its settings as `serve` does; reports are printed for a
person, or with `--json` as the API answers."""

from services.billing.commands.books import BOOKS
from services.billing.commands.explain import EXPLAIN
from services.billing.commands.plans import PLANS
from services.billing.commands.reconcile import RECONCILE
from services.billing.commands.verify import VERIFY
from services.billing.commands.webhooks import WEBHOOKS
from shared.mail_command import MAILS

COMMANDS = {
    "verify": VERIFY,
    "books": BOOKS,
    "webhooks": WEBHOOKS,
    "reconcile": RECONCILE,
    "explain": EXPLAIN,
    "plans": PLANS,
    "mails": MAILS,
}
