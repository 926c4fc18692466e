"""The language of rules: the part of CEL (github.com/google/cel-spec) that judges flat signals.

    card_failed_hour >= 3 && (is_device_new || ip_kind in ["hosting", "business"])

Literals (whole numbers, decimals, "text", true, false), signals by name, `! - * / % + < <= > >= == != in && || ?:`,
parentheses, lists after `in`, `double(x)`, `int(x)`, `size(text)` and `text.startsWith`, `.endsWith`, `.contains`.
Left out on purpose, and refused by name: loops over lists (`all`, `exists`, `map`...) and `matches`, so that a rule's
cost is bound by its length; also maps, bytes and null, which no signal is.

Types are CEL's own and never mixed silently: arithmetic takes two numbers of one type, comparing takes any two numbers.
CEL itself does not judge types before it evaluates, hence this reading of our own; positions count from 1.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from services.fraud.domain.signals import SIGNALS, Signal

Type = Literal["whole number", "decimal", "claim", "text"]

LONGEST = 2_000
DEEPEST = 20
MOST_OPERATIONS = 200

_TYPES: Mapping[type, Type] = {int: "whole number", float: "decimal", bool: "claim", str: "text"}
_NUMBERS: frozenset[Type] = frozenset({"whole number", "decimal"})
_LARGEST_WHOLE = 2**63 - 1
_TOKEN = re.compile(
    r"""
    (?P<space>(?:[ \t\r\n]|//[^\n]*)+)
  | (?P<decimal>\d+\.\d+)
  | (?P<whole>\d+)
  | (?P<text>"[^"\\\x00-\x1f\x7f]*"|'[^'\\\x00-\x1f\x7f]*')
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<sign>&&|\|\||==|!=|<=|>=|[<>!+\-*/%?:.,()\[\]])
    """,
    re.VERBOSE,
)
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_LOOPS = ("all", "exists", "exists_one", "existsOne", "map", "filter")
_LEFT_OUT = {
    **dict.fromkeys(_LOOPS, "loops are not part of the rules' language"),
    "matches": "regular expressions are not part of the rules' language: see startsWith, endsWith, contains",
    "has": "every signal has a value: compare it with what its meaning names for unknown",
    "null": "no signal is null: compare it with what its meaning names for unknown",
}
_OUT_OF_PLACE = {
    "": "the rule ends too soon",
    "[": "a list stands after 'in' only, and nothing loops over it",
}
_OF_TEXT = ("startsWith", "endsWith", "contains")


class RuleFault(ValueError):
    """Why a text is no rule, and where: `at` counts characters from 1."""

    def __init__(self, at: int, why: str) -> None:
        super().__init__(f"at character {at}: {why}")
        self.at = at
        self.why = why


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def check(expression: str, vocabulary: Mapping[str, Signal] = SIGNALS) -> frozenset[str]:
    """The signals that a rule names. Raises RuleFault where it is too long, too deep, no rule of the language, not of
    the type of a claim, or names no signal: such a rule would judge everybody alike."""
    if len(expression) > LONGEST:
        raise RuleFault(LONGEST + 1, f"a rule has at most {LONGEST} characters")
    reader = _Reader(tuple(_tokens(expression)), vocabulary)
    found = reader.whole()
    if found != "claim":
        raise RuleFault(1, f"a rule is true or false, and this is a {found}")
    if not reader.named:
        raise RuleFault(1, "names no signal: it would judge every payment alike")
    return frozenset(reader.named)


def _tokens(expression: str) -> Iterator[_Token]:
    position = 0
    while position < len(expression):
        found = _TOKEN.match(expression, position)
        if found is None:
            raise RuleFault(position + 1, f"{expression[position]!r} is not understood here")
        assert found.lastgroup
        if found.lastgroup != "space":
            yield _Token(found.lastgroup, found.group(), position + 1)
        position = found.end()
    yield _Token("end", "", len(expression) + 1)


class _Reader:
    """One pass over the tokens, by CEL's order of precedence; each method reads one level and answers its type."""

    def __init__(self, tokens: tuple[_Token, ...], vocabulary: Mapping[str, Signal]) -> None:
        self._tokens = tokens
        self._next = 0
        self._vocabulary = vocabulary
        self._depth = 0
        self._operations = 0
        self.named: set[str] = set()

    def whole(self) -> Type:
        found = self._choice()
        if self._peek.kind != "end":
            raise RuleFault(self._peek.at, f"{self._peek.text!r} is not understood here")
        return found

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _at(self, *signs: str) -> bool:
        return self._peek.kind == "sign" and self._peek.text in signs

    def _expect(self, sign: str) -> None:
        if not self._at(sign):
            raise RuleFault(self._peek.at, f"{sign!r} is missing here")
        self._take()

    def _operation(self) -> _Token:
        token = self._take()
        self._operations += 1
        if self._operations > MOST_OPERATIONS:
            raise RuleFault(token.at, f"a rule has at most {MOST_OPERATIONS} operations")
        return token

    def _deeper(self, read: Callable[[], Type]) -> Type:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RuleFault(self._peek.at, f"nested more than {DEEPEST} deep")
        found = read()
        self._depth -= 1
        return found

    def _choice(self) -> Type:
        first = self._either()
        if not self._at("?"):
            return first
        sign = self._operation()
        _claim(first, sign)
        then = self._deeper(self._choice)
        self._expect(":")
        otherwise = self._deeper(self._choice)
        if then != otherwise:
            raise RuleFault(sign.at, f"'?' gives a {then} or a {otherwise}: both must be of one type")
        return then

    def _either(self) -> Type:
        return self._chain(self._both, ("||",), _claims)

    def _both(self) -> Type:
        return self._chain(self._compared, ("&&",), _claims)

    def _chain(
        self, read: Callable[[], Type], signs: tuple[str, ...], judge: Callable[[Type, _Token, Type], Type]
    ) -> Type:
        left = read()
        while self._at(*signs):
            sign = self._operation()
            left = judge(left, sign, read())
        return left

    def _compared(self) -> Type:
        left = self._sum()
        if self._peek.kind == "name" and self._peek.text == "in":
            return self._member(left)
        if not self._at(*_COMPARISONS):
            return left
        sign = self._operation()
        _comparable(left, sign, self._sum())
        if self._at(*_COMPARISONS) or self._peek.text == "in":
            raise RuleFault(self._peek.at, "comparisons do not follow one another: join them by '&&'")
        return "claim"

    def _member(self, left: Type) -> Type:
        sign = self._operation()
        self._expect("[")
        while True:
            _comparable(left, _Token("sign", "in", sign.at), self._literal_of_list())
            if not self._at(","):
                break
            self._take()
        self._expect("]")
        return "claim"

    def _literal_of_list(self) -> Type:
        if self._peek.kind not in ("whole", "decimal", "text") and not self._at("-"):
            raise RuleFault(self._peek.at, 'a list holds numbers or texts: ip_kind in ["hosting", "business"]')
        return self._signed()

    def _sum(self) -> Type:
        return self._chain(self._product, ("+", "-"), _number)

    def _product(self) -> Type:
        return self._chain(self._signed, ("*", "/", "%"), _number)

    def _signed(self) -> Type:
        if self._at("!"):
            sign = self._operation()
            _claim(self._deeper(self._signed), sign)
            return "claim"
        if self._at("-"):
            sign = self._operation()
            found = self._deeper(self._signed)
            if found not in _NUMBERS:
                raise RuleFault(sign.at, f"'-' takes a number, and this is a {found}")
            return found
        return self._called()

    def _called(self) -> Type:
        found = self._single()
        while self._at("."):
            self._take()
            method = self._take()
            if method.text not in _OF_TEXT or found != "text" or not self._at("("):
                raise RuleFault(method.at, _no_function(method.text))
            self._operation()
            if (given := self._deeper(self._choice)) != "text":
                raise RuleFault(method.at, f"{method.text} takes a text, and this is a {given}")
            self._expect(")")
            found = "claim"
        return found

    def _single(self) -> Type:
        token = self._take()
        if token.kind == "whole":
            if int(token.text) > _LARGEST_WHOLE:
                raise RuleFault(token.at, "is too large a number")
            return "whole number"
        if token.kind in ("decimal", "text"):
            return "decimal" if token.kind == "decimal" else "text"
        if token.kind == "name":
            return self._word(token)
        if token.text == "(":
            found = self._deeper(self._choice)
            self._expect(")")
            return found
        raise RuleFault(token.at, _OUT_OF_PLACE.get(token.text, f"{token.text!r} is out of place"))

    def _word(self, token: _Token) -> Type:
        if token.text in ("true", "false"):
            return "claim"
        if self._at("("):
            return self._function(token)
        signal = self._vocabulary.get(token.text)
        if signal is None:
            raise RuleFault(token.at, _LEFT_OUT.get(token.text) or _no_signal(token.text, self._vocabulary))
        self.named.add(token.text)
        return _TYPES[signal.type]

    def _function(self, name: _Token) -> Type:
        if name.text not in ("double", "int", "size"):
            raise RuleFault(name.at, _no_function(name.text))
        self._operation()
        given = self._deeper(self._choice)
        self._expect(")")
        if name.text == "size" and given != "text":
            raise RuleFault(name.at, f"size takes a text, and this is a {given}")
        if name.text != "size" and given not in _NUMBERS:
            raise RuleFault(name.at, f"{name.text} takes a number, and this is a {given}")
        return "decimal" if name.text == "double" else "whole number"


def _claim(found: Type, sign: _Token) -> None:
    if found != "claim":
        raise RuleFault(sign.at, f"{sign.text!r} takes what is true or false, and this is a {found}")


def _claims(left: Type, sign: _Token, right: Type) -> Type:
    _claim(left, sign)
    _claim(right, sign)
    return "claim"


def _number(left: Type, sign: _Token, right: Type) -> Type:
    if left not in _NUMBERS or right not in _NUMBERS:
        raise RuleFault(sign.at, f"{sign.text!r} takes two numbers, and these are a {left} and a {right}")
    if left != right:
        raise RuleFault(sign.at, f"{sign.text!r} takes two numbers of one type: double(x) makes a decimal of x")
    if sign.text == "%" and left != "whole number":
        raise RuleFault(sign.at, "'%' takes whole numbers")
    return left


def _comparable(left: Type, sign: _Token, right: Type) -> None:
    if left != right and not (left in _NUMBERS and right in _NUMBERS):
        raise RuleFault(sign.at, f"{sign.text!r} compares a {left} with a {right}")
    if left not in _NUMBERS and sign.text not in ("==", "!=", "in"):
        raise RuleFault(sign.at, f"{sign.text!r} compares numbers; a {left} is compared by == or !=")


def _no_signal(name: str, vocabulary: Mapping[str, Signal]) -> str:
    near = difflib.get_close_matches(name[:80], vocabulary, n=1)
    return f"there is no signal {name[:80]!r}" + (f"; {near[0]!r} is one" if near else "")


def _no_function(name: str) -> str:
    return _LEFT_OUT.get(name) or f"there is no function {name[:80]!r} of this"
