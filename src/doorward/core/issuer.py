"""An issuer of tokens that we trust beside ourselves, and what becomes of what its tokens claim (PRODUCT 1.3, docs/adr/0016).

A foreign `sub` is a name in its issuer's world, so here it is `<issuer's name>|<sub>`; no account's name holds a `|`. What a token may do
is said by our rules, not by the token, unless the operator wrote `scopes = "token"`; an `admin:` scope is never taken from a token.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Claims = Mapping[str, object]
Path = tuple[str, ...]
"""The name of a claim, or the names down to one that lies in others: ("realm_access", "roles")."""

ABSENT: Final = "absent"
"""In `typ`: the header has none."""
_ADMIN: Final = "admin:"
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_WORDS: Final = (("scope",), ("scp",))
"""Claims whose text is a list of words (RFC 8693 section 4.2)."""
_OF_ID_TOKENS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})
"""OIDC Core sections 2 and 3.3.2.11; `events`: RFC 8417 section 2.2, logout tokens among them."""
_KINDS: Final = {"token_use": frozenset({"access"}), "typ": frozenset({"bearer", "dpop", "at+jwt", "access"})}
"""Claims by which some issuers tell their tokens apart where the header does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A token whose claim is `value`, or holds it in its list, gets these scopes and roles. `value` None: the claim is there."""

    claim: Path
    value: str | int | bool | None = None
    scopes: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def holds(self, claims: Claims) -> bool:
        found = at(claims, self.claim)
        if self.value is None:
            return found is not None
        if type(found) is str and self.claim in _WORDS:
            return self.value in found.split()
        listed = found if type(found) is list else (found,)
        return any(type(each) is type(self.value) and each == self.value for each in listed)  # 1 is not true


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """`issuer` is the `iss` of its tokens, letter by letter. `audiences`: whom its tokens must be for where a route names none.
    `typ`: accepted types, in lower case. `require`: rules that must all hold."""

    name: str
    issuer: str
    audiences: frozenset[str]
    typ: frozenset[str] = frozenset({"at+jwt"})
    subject_claim: Path = ("sub",)
    subject_prefix: str = ""
    audience_claim: Path = ("aud",)
    roles_claim: Path | None = None
    token_scopes: bool = False
    rules: tuple[Rule, ...] = ()
    require: tuple[Rule, ...] = ()

    def takes_type(self, typ: str | None) -> bool:
        return (typ or ABSENT) in self.typ

    def named(self, text: str) -> str:
        """What this issuer calls so, in the one space of names that revocation asks."""
        return f"{self.name}|{text}"

    def scopes(self, claims: Claims) -> frozenset[str]:
        given = frozenset(scope for rule in self.rules if rule.scopes and rule.holds(claims) for scope in rule.scopes)
        if self.token_scopes:
            listed = (word for path in _WORDS for text in texts(at(claims, path)) for word in text.split())  # a word with a blank is two
            given |= frozenset(word for word in listed if _SCOPE.fullmatch(word) and not word.startswith(_ADMIN))
        return given

    def roles(self, claims: Claims) -> frozenset[str]:
        given = frozenset(role for rule in self.rules if rule.roles and rule.holds(claims) for role in rule.roles)
        if self.roles_claim is not None:
            given |= frozenset(texts(at(claims, self.roles_claim)))
        return given


def says_it_is_another(claims: Claims) -> bool:
    """An ID, refresh or logout token by what it claims, where its type does not tell (RFC 9068 section 4, RFC 8725 section 3.12)."""
    if not _OF_ID_TOKENS.isdisjoint(claims):
        return True
    return any(isinstance(said := claims.get(name), str) and said.lower() not in kinds for name, kinds in _KINDS.items())


def at(claims: Claims, path: Path) -> object:
    """What lies there, or None."""
    found: object = claims
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def texts(value: object) -> list[str]:
    """A list of texts, or the words of one; nothing for what is neither."""
    if type(value) is str:
        return value.split()
    return [each for each in value if type(each) is str] if type(value) is list else []
