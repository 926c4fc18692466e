"""Rules in and out as a file (U15): what comes in is a draft, and goes live as any other, by an operator's word."""

from dataclasses import dataclass, field

from services.fraud.domain.rules.rule import Draft, Rule
from services.fraud.domain.rules.rule_file import read, written
from services.fraud.service import Fraud
from services.fraud.store import rules
from services.fraud.use_cases.write_rules import draft_rule, draft_version
from shared.audit import Actor


@dataclass(slots=True)
class Imported:
    """The codes of a file's rules, by what became of them."""

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


async def export_rules(fraud: Fraud) -> str:
    """The live rules as a file."""
    async with fraud.database.transaction() as connection:
        live = [each for each in await rules.judging(connection) if each.state == "live"]
    return written(sorted(live, key=lambda each: each.code))


async def import_rules(fraud: Fraud, content: str, actor: Actor) -> Imported:
    """Drafts of those that are new or say another thing than the rule's newest version; the whole file or, with
    Faulty, nothing of it."""
    drafts, done = read(content), Imported()
    async with fraud.database.transaction() as connection:
        for code, draft in drafts.items():
            rule = await rules.find_by_code(connection, code)
            if rule is None:
                await draft_rule(connection, fraud, code, draft, actor)
                done.new.append(code)
            elif _says(rule, draft):
                done.unchanged.append(code)
            else:
                await draft_version(connection, fraud, rule.id, draft, actor)
                done.changed.append(code)
    return done


def _says(rule: Rule, draft: Draft) -> bool:
    newest = rule.newest
    same = (newest.expression, newest.weight_bp, newest.detail) == (draft.expression, draft.weight_bp, draft.detail)
    return same and newest.state != "retired"
