"""Rules as a file that a deployment keeps beside its settings: JSON, `{"rules": [{code, expression, weight_bp,
detail}]}`.

A file is taken whole or not at all: every fault in it is found, each with its rule.
"""

import json
from collections.abc import Iterable, Mapping

from services.fraud.domain.rules.language import RuleFault
from services.fraud.domain.rules.rule import CODE, LONGEST_CODE, LONGEST_DETAIL, Draft, Version
from services.fraud.domain.rules.trial import try_out
from shared.errors import Invalid

MOST_RULES = 200
_FIELDS = {"code", "expression", "weight_bp", "detail"}


class Faulty(Exception):
    """What is wrong with a file, a line for each fault."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


def read(content: str) -> dict[str, Draft]:
    """The drafts of a file by their codes. Raises Faulty."""
    try:
        told = json.loads(content)
    except ValueError as error:
        raise Faulty((f"no JSON: {error}",)) from error
    if not isinstance(told, dict) or not isinstance(told.get("rules"), list) or set(told) != {"rules"}:
        raise Faulty(('must be {"rules": [...]}',))
    if len(told["rules"]) > MOST_RULES:
        raise Faulty((f"has more than {MOST_RULES} rules",))
    drafts: dict[str, Draft] = {}
    faults: list[str] = []
    for number, each in enumerate(told["rules"], 1):
        try:
            code, draft = _drafted(each)
            if code in drafts:
                raise ValueError(f"{code} stands in the file twice")
            drafts[code] = draft
        except (ValueError, Invalid) as error:
            faults.append(f"rule {number}: {error.detail if isinstance(error, Invalid) else error}")
    if faults:
        raise Faulty(tuple(faults))
    return drafts


def written(versions: Iterable[Version]) -> str:
    """The file of these versions."""
    rules = [
        {
            "code": each.code,
            "expression": each.expression,
            "weight_bp": each.weight_bp,
            "detail": each.detail,
        }
        for each in versions
    ]
    return json.dumps({"rules": rules}, indent=2, ensure_ascii=False) + "\n"


def _drafted(told: object) -> tuple[str, Draft]:
    if not isinstance(told, Mapping) or set(told) != _FIELDS:
        raise ValueError(f"must have {', '.join(sorted(_FIELDS))}, and nothing else")
    code, expression, weight_bp, detail = told["code"], told["expression"], told["weight_bp"], told["detail"]
    if not isinstance(code, str) or not CODE.fullmatch(code):
        raise ValueError(f"code must be 3 to {LONGEST_CODE} of a-z, 0-9 and _, beginning with a letter")
    if type(weight_bp) is not int:
        raise ValueError(f"{code}: weight_bp must be a whole number")
    if not isinstance(detail, str) or not 0 < len(detail.strip()) <= LONGEST_DETAIL or not detail.isprintable():
        raise ValueError(f"{code}: detail must be a line of 1 to {LONGEST_DETAIL} characters")
    if not isinstance(expression, str):
        raise ValueError(f"{code}: expression must be a text")
    try:
        try_out(expression.strip())
    except RuleFault as fault:
        raise ValueError(f"{code}: {fault}") from fault
    return code, Draft(expression.strip(), weight_bp, detail.strip())
