"""Which methods a route demands: one, either, or several together, and how those together are bound.

policy = branch *("or" branch)
branch = factor *("and" factor) ["bound by" binder]
factor = method | "oauth" | "(" policy ")"                                  (DECISIONS 1)
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import product
from typing import Final


class Binder(Enum):
    """How factors that are shown together must belong together."""

    SAME_SUBJECT = "same_subject"
    APP_AND_USER = "app_and_user"
    SAME_KEY = "same_key"
    DPOP = "dpop"
    INDEPENDENT = "independent"


METHODS: Final = ("api_key", "basic", "jwt", "access_token", "hmac", "http_signature", "session", "mtls", "webhook")
OAUTH: Final = ("jwt", "access_token")
"""What the word `oauth` stands for: a token that our server issued, JWT or opaque."""
KEYED: Final[dict[Binder, frozenset[str]]] = {
    Binder.DPOP: frozenset(OAUTH),
    Binder.SAME_KEY: frozenset({*OAUTH, "mtls", "http_signature"}),
}
"""The methods whose proofs may show a key, or be bound to one."""
_OAUTH_TWICE: Final = (
    "`oauth` takes our server's tokens, JWT or opaque, so nothing joins it with `jwt` or `access_token`: a request has one Authorization. "
    "Write `oauth` alone, or `jwt` alone, which takes JWTs of the other issuers too"
)
_ALONE: Final = frozenset({Binder.DPOP, Binder.SAME_KEY})
_WORDS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[()]|\S")
_RESERVED: Final = ("or", "and", "bound", "by", "(", ")")
LONGEST: Final = 2048
DEEPEST: Final = 16
MOST_ALTERNATIVES: Final = 64


@dataclass(frozen=True, slots=True)
class By:
    """One method."""

    method: str

    def __str__(self) -> str:
        return self.method


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every factor, bound together. There is no default binder."""

    factors: tuple["Policy", ...]
    bind: Binder

    def __str__(self) -> str:
        return f"{' and '.join(_factor(each) for each in self.factors)} bound by {self.bind.value}"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whichever branch's credentials are shown."""

    branches: tuple["Policy", ...]

    def __str__(self) -> str:
        return " or ".join(f"({each})" if isinstance(each, AnyOf) else str(each) for each in self.branches)


Policy = By | AllOf | AnyOf


def _factor(policy: Policy) -> str:
    return str(policy) if isinstance(policy, By) else f"({policy})"


class PolicyError(ValueError):
    """Names the line, the column (both from 1) and the word."""

    def __init__(self, line: int, column: int, word: str, message: str) -> None:
        super().__init__(f"policy, line {line}, column {column}, at {word!r}: {message}")
        self.line, self.column, self.word = line, column, word


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    line: int
    column: int


def _words(text: str) -> Iterator[_Word]:
    for number, line in enumerate(text.split("\n"), start=1):
        for match in _WORDS.finditer(line):
            yield _Word(match[0], number, match.start() + 1)


def parse(text: str) -> Policy:
    """Raises PolicyError."""
    if len(text) > LONGEST:
        raise PolicyError(1, 1, text[:20], f"a policy may have {LONGEST} characters")
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._words = list(_words(text))
        self._at = 0
        last = text.split("\n")
        self._end = _Word("", len(last), len(last[-1]) + 1)

    def whole(self) -> Policy:
        policy = self._policy(0)
        if self._next.text:
            raise self._error("expected `and`, `or`, `bound by` or the end")
        try:
            alternatives(policy)
        except ValueError as reason:
            raise PolicyError(1, 1, self._words[0].text, str(reason)) from None
        return policy

    @property
    def _next(self) -> _Word:
        return self._words[self._at] if self._at < len(self._words) else self._end

    def _take(self) -> _Word:
        word = self._next
        self._at += 1
        return word

    def _took(self, text: str) -> bool:
        if self._next.text != text:
            return False
        self._at += 1
        return True

    def _error(self, message: str, word: _Word | None = None) -> PolicyError:
        at = word or self._next
        return PolicyError(at.line, at.column, at.text, message)

    def _policy(self, depth: int) -> Policy:
        branches = [self._branch(depth)]
        while self._took("or"):
            branches.append(self._branch(depth))
        return branches[0] if len(branches) == 1 else AnyOf(tuple(branches))

    def _branch(self, depth: int) -> Policy:
        start = self._next
        factors = [self._factor(depth)]
        while self._took("and"):
            factors.append(self._factor(depth))
        if not self._took("bound"):
            if len(factors) > 1:
                raise self._error(
                    "factors joined by `and` need `bound by` and a binder: " + ", ".join(each.value for each in Binder), start
                )
            return factors[0]
        if not self._took("by"):
            raise self._error("expected `by` after `bound`")
        bind = self._binder()
        if len(factors) == 1 and bind not in _ALONE:
            raise self._error(f"`{bind.value}` binds two or more factors; only dpop and same_key may bind one", start)
        return AllOf(tuple(factors), bind)

    def _binder(self) -> Binder:
        word = self._take()
        try:
            return Binder(word.text)
        except ValueError:
            raise self._error(_unknown("binder", word.text, tuple(each.value for each in Binder)), word) from None

    def _factor(self, depth: int) -> Policy:
        word = self._take()
        if word.text == "(":
            if depth >= DEEPEST:
                raise self._error("nested too deeply", word)
            inner = self._policy(depth + 1)
            if not self._took(")"):
                raise self._error("expected `)`")
            return inner
        if word.text == "oauth" or word.text in METHODS:
            return By(word.text)
        if not word.text or word.text in _RESERVED:
            raise self._error("expected a method or `(`", word)
        raise self._error(_unknown("method", word.text, (*METHODS, "oauth")), word)


def _unknown(kind: str, word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"unknown {kind}" + (f"; did you mean `{near[0]}`?" if near else f"; known are {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class Bond:
    """One `bound by`: the methods of each of its factors, in the order they were written."""

    bind: Binder
    groups: tuple[tuple[str, ...], ...]

    @property
    def methods(self) -> tuple[str, ...]:
        return tuple(method for group in self.groups for method in group)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way through a policy: all of these methods, under all of these bonds. `ours`: those whose tokens we must have issued."""

    methods: tuple[str, ...]
    bonds: tuple[Bond, ...] = ()
    ours: frozenset[str] = frozenset()


def alternatives(policy: Policy) -> tuple[Alternative, ...]:
    """The policy with every `or` drawn outwards, in the order written; the gate works on these.

    Raises ValueError when there are more than 64, when a method would be asked for twice together, or when a binder
    asks for a key of a method that has none.
    """
    match policy:
        case By("oauth"):
            return tuple(Alternative((method,), ours=frozenset((method,))) for method in OAUTH)
        case By(method):
            return (Alternative((method,)),)
        case AnyOf(branches):
            found = tuple(each for branch in branches for each in alternatives(branch))
        case AllOf(factors, bind):
            expanded = [alternatives(factor) for factor in factors]
            size = 1
            for each in expanded:
                size *= len(each)
            if size > MOST_ALTERNATIVES:
                raise ValueError(f"a policy may have {MOST_ALTERNATIVES} alternatives")
            found = tuple(_together(parts, bind) for parts in product(*expanded))
    if len(found) > MOST_ALTERNATIVES:
        raise ValueError(f"a policy may have {MOST_ALTERNATIVES} alternatives")
    return found


def _together(parts: tuple[Alternative, ...], bind: Binder) -> Alternative:
    methods = tuple(method for part in parts for method in part.methods)
    if len(set(methods)) != len(methods):
        raise ValueError(_OAUTH_TWICE if any(part.ours for part in parts) else "a method is joined with itself by `and`")
    if keyless := [method for method in methods if method not in KEYED.get(bind, methods)]:
        raise ValueError(f"`{bind.value}` binds what has a key of its own, and {keyless[0]} has none")
    bonds = tuple(bond for part in parts for bond in part.bonds)
    ours = frozenset(method for part in parts for method in part.ours)
    return Alternative(methods, (*bonds, Bond(bind, tuple(part.methods for part in parts))), ours)
