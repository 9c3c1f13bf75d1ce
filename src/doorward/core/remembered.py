"""What was proven a moment ago: the same credentials on the same route, from the same place, while nothing has changed.

A key is found here by a keyed digest of what was shown, so no secret stays in memory. `version` stands for everything
that a proof rests on (docs/adr/0008): it is read before proving, and an entry of another version is worth nothing. So a
committed revocation is refused as soon as `version` tells of it (`assembly.VERSION_SECONDS`: 2 ms); `SECONDS` bounds the rest.
"""

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from doorward.core.method import Method
from doorward.core.policy import Alternative
from doorward.core.proof import Principal, Proof
from doorward.core.request import Request
from doorward.core.route import Route

SECONDS: Final = 2.0
MOST: Final = 8192

Version = Callable[[], Hashable | None]
"""Another value whenever anything may have changed; None: it cannot be told now, so nothing is remembered."""


@dataclass(frozen=True, slots=True)
class Known:
    """A way through a policy that was proven. Rates, scopes, freshness and CSRF are asked again on every request."""

    route: Route
    version: Hashable
    until: float
    way: Alternative
    proofs: Mapping[str, Proof]
    principal: Principal


class Remembered:
    """`key`: 32 random bytes of this process."""

    def __init__(self, methods: Sequence[Method[Any]], version: Version, key: bytes) -> None:
        self._methods = {method.name: method for method in methods}
        self._version, self._key = version, key
        self._known: dict[Hashable, Known] = {}
        self._fields: dict[tuple[str, ...], tuple[tuple[bytes, ...], tuple[bytes, ...]]] = {}

    def version(self) -> Hashable | None:
        return self._version()

    def mark(self, request: Request, route: Route) -> Hashable | None:
        """All that the methods of this route read of a request. None: it is not one to remember."""
        if route.allow_query_key:
            return None
        repeatable, single = self._fields_of(route.asked)
        fields = request.headers.raw
        if b"dpop" in fields or any(name in fields for name in single):
            return None  # a proof of possession is for one request
        values, lengths, origin = [], [], fields.get(b"origin")
        for name in repeatable:
            value = fields.get(name)
            if isinstance(value, list):
                return None  # sent twice: the methods refuse it
            values.append(value or b"")
            lengths.append(-1 if value is None else len(value))  # absent and empty are two things
        shown = b"".join(values)
        certificate = request.certificate
        if not (shown or certificate) or isinstance(origin, list):
            return None
        seen: Hashable = None
        if certificate is not None:
            shown = b"".join((shown, *certificate.chain))
            seen = (certificate.told_by, certificate.uri, tuple(map(len, certificate.chain)))
        digest = hashlib.blake2b(shown, digest_size=32, key=self._key).digest()
        return (digest, tuple(lengths), id(route), request.method, request.scheme, request.address, request.told_by, origin, seen)

    def _fields_of(self, asked: tuple[str, ...]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """Those of methods that may be remembered, and those of methods that show something new each time."""
        found = self._fields.get(asked)
        if found is None:
            methods = [self._methods[name] for name in asked if name in self._methods]
            found = self._fields[asked] = (
                tuple(dict.fromkeys(field for method in methods if method.repeatable for field in method.fields)),
                tuple(dict.fromkeys(field for method in methods if not method.repeatable for field in method.fields)),
            )
        return found

    def recall(self, mark: Hashable, route: Route, version: Hashable, now: float) -> Known | None:
        known = self._known.get(mark)
        if known is None or known.version != version or known.route is not route or now >= known.until:
            return None
        return known

    def keep(
        self,
        mark: Hashable,
        route: Route,
        version: Hashable,
        now: float,
        way: Alternative,
        proofs: Mapping[str, Proof],
        principal: Principal,
    ) -> None:
        """`version` as it was before the proofs were made."""
        if any(proof.once is not None for proof in proofs.values()):
            return
        ends = (proof.expires_at for proof in proofs.values() if proof.expires_at is not None)
        self._known.pop(mark, None)
        if len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        self._known[mark] = Known(route, version, min((now + SECONDS, *ends)), way, proofs, principal)
