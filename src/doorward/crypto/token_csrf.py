"""What pages repeat in X-CSRF-Token where the token itself is in a cookie: HMAC-SHA-256(key, grant), the key derived from
the pepper. It stays the same while tokens are refreshed, is another for each sign-in, and no cookie can be told from it
(OWASP CSRF cheat sheet, 2025: signed double submit, bound to the session)."""

from typing import Final

from doorward.crypto.digest import Peppers, mac

_PURPOSE: Final = "csrf of a token in a cookie"


class TokenCsrf:
    def __init__(self, peppers: Peppers) -> None:
        self._peppers = peppers
        self._derived: tuple[str, bytes] = ("", b"")

    def of(self, grant_id: str) -> str:
        """Raises Unavailable: the pepper is not on this machine."""
        current = self._peppers.current
        if self._derived[0] != current:
            self._derived = (current, self._peppers.derive(_PURPOSE))
        return mac(self._derived[1], grant_id.encode()).hex()
