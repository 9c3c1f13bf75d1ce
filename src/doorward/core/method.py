"""The protocol that a method file fulfils: one way to prove who calls, with three answers."""

from typing import Protocol, TypeVar

from doorward.core.proof import Proof
from doorward.core.request import Request
from doorward.core.route import Route

Shown = TypeVar("Shown")


class Unasked:
    """Marks what an explicit method found where a browser sends it unasked: a token in a cookie. Its proof has `csrf`."""

    __slots__ = ()


class Method(Protocol[Shown]):
    """*Not mine* is `find` giving None; *proof* is `prove` returning; *refused, stop* is either raising Refused.

    `name` is the word in policies; `challenge` the scheme for WWW-Authenticate (RFC 9110 section 11.6.1);
    None: there is none that is registered.
    `ambient`: the browser or the connection sends it unasked, so an explicit credential beats it.
    `guessable`: a person chose the secret, so failures are limited (DECISIONS 5).
    `fields`: every header field, in lower case, that `find` reads. `repeatable`: showing the same again proves the same
    again, so it may be remembered for a moment (`core.remembered`); not so for signatures.
    """

    @property
    def name(self) -> str: ...
    @property
    def challenge(self) -> str | None: ...
    @property
    def ambient(self) -> bool: ...
    @property
    def guessable(self) -> bool: ...

    @property
    def fields(self) -> tuple[bytes, ...]: ...
    @property
    def repeatable(self) -> bool: ...

    def find(self, request: Request, route: Route) -> Shown | None:
        """What is shown, parsed and unproven. No I/O. Looks at all its places and refuses two."""
        ...

    async def prove(self, shown: Shown) -> Proof:
        """The proof, or Refused: nothing else is tried."""
        ...
