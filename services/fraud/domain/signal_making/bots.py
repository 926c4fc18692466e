"""Whether a program pays where a person should: by what it calls itself, and by its pace (S13: bot patterns)."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime

from services.fraud.domain.facts import Background, Payment
from services.fraud.domain.signals import Value

PACED_PAYMENTS = 5
LONGEST_PACE_SECONDS = 900
"""Five payments within an hour."""

_DRIVEN = re.compile(r"headless|phantomjs|puppeteer|playwright|selenium|webdriver|electron-test", re.IGNORECASE)
_CRAWLER = re.compile(r"bot\b|crawl|spider|slurp|scrapy|archiver", re.IGNORECASE)
_SCRIPT = re.compile(
    r"curl/|wget/|python|httpx|aiohttp|go-http|java/|okhttp|axios|node|ruby|perl|php|libwww|postman|insomnia|tollgate",
    re.IGNORECASE,
)
_BROWSER = re.compile(r"mozilla/\d", re.IGNORECASE)


def bot_signals(payment: Payment, background: Background, *, seen_at: datetime) -> dict[str, Value]:
    """`seen_at` is real time, as the past payments' is: pace is a matter of machines."""
    agent = payment.user_agent or ""
    seen = [seen_at, *(each.seen_at for each in background.past[: PACED_PAYMENTS - 1])]
    return {
        "user_agent_kind": kind_of(agent),
        "is_bot": bool(_DRIVEN.search(agent) or _CRAWLER.search(agent)),
        "is_even_pace": payment.origin != "auto_top_up" and _is_even(seen),
    }


def kind_of(agent: str) -> str:
    """browser, app, script or crawler, by its own words; a driven browser is a script. Empty where it says nothing."""
    if not agent.strip():
        return ""
    if _CRAWLER.search(agent):
        return "crawler"
    if _DRIVEN.search(agent) or _SCRIPT.match(agent):
        return "script"
    return "browser" if _BROWSER.match(agent) else "app"


def _is_even(seen: Sequence[datetime]) -> bool:
    """Whether the steps between the last payments, newest first, differ by a tenth of their mean at most."""
    if len(seen) < PACED_PAYMENTS:
        return False
    steps = [(later - earlier).total_seconds() for later, earlier in itertools.pairwise(seen)]
    mean = sum(steps) / len(steps)
    return 0 < mean <= LONGEST_PACE_SECONDS and max(steps) - min(steps) <= mean / 10
