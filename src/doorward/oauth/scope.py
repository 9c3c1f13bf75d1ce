"""What a client asks for, against what it may have: scopes (RFC 6749 section 3.3) and audiences (RFC 8707)."""

import re
from functools import lru_cache
from typing import Final

from doorward.core.client import Client
from doorward.core.errors import Why
from doorward.ledger.mint import Mint
from doorward.oauth.errors import INVALID_SCOPE, INVALID_TARGET, OAuthError
from doorward.oauth.form import Form

_WORDS: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")  # RFC 6749 appendix A.4
LONGEST: Final = 4096


def granted_scopes(asked: str | None, client: Client) -> frozenset[str]:
    """None asked: all that the client may have. Raises OAuthError(invalid_scope) for one more than that."""
    if asked is None:
        return client.scopes
    words = _read(asked)
    if words is None:
        raise OAuthError(INVALID_SCOPE, "The scope is not a list of words parted by single spaces.", why=Why.BAD_REQUEST)
    if beyond := words - client.scopes:
        described = f"This client may not have the scope {min(beyond)[:100]}."
        raise OAuthError(INVALID_SCOPE, described, why=Why.LACKS_SCOPE, note=f"missing: {' '.join(sorted(beyond))[:500]}")
    return words


def granted_audiences(form: Form, client: Client, mint: Mint) -> tuple[str, ...]:
    """Whom the token is for: each `resource` that was asked for (or the one `audience`, as some libraries spell it), else
    all that the client registered, else the issuer. Raises OAuthError(invalid_target)."""
    asked = form.resources or ((form.values["audience"],) if "audience" in form.values else ())
    if not asked:
        return client.audiences or (mint.issuer,)
    for each in asked:
        if not (each in client.audiences if client.audiences else mint.knows(each)):  # RFC 8707 section 2
            raise OAuthError(INVALID_TARGET, "This client may not ask for tokens for this resource.", why=Why.WRONG_AUDIENCE)
    return tuple(dict.fromkeys(asked))


@lru_cache(maxsize=1024)
def _read(text: str) -> frozenset[str] | None:
    return frozenset(text.split(" ")) if len(text) <= LONGEST and _WORDS.fullmatch(text) else None
