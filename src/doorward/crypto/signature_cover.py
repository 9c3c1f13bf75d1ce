"""What a message signature must cover, in the words of a route's `cover`, and how it is asked for (RFC 9421 section 5).

Words     components by their name; the parameters `created`, `expires`, `nonce`, `alg`, `keyid`, `tag`
Instead   of @target-uri its parts: @authority with @request-target, or with @path and @query. Whoever covers a whole covers its parts
Always    `created`, and `content-digest` where there is a body: without them a signature could be used again, or with another body
"""

from collections.abc import Sequence
from typing import Final

from doorward.crypto.signature_input import Labelled
from doorward.crypto.structured_field import InnerList, Item
from doorward.crypto.structured_text import write_dictionary

DEFAULT: Final = ("@method", "@target-uri")
PARAMETERS: Final = frozenset({"created", "expires", "nonce", "alg", "keyid", "tag"})
DIGEST: Final = "content-digest"
LABEL: Final = "sig"
_INSTEAD: Final[dict[str, tuple[frozenset[str], ...]]] = {
    "@target-uri": (frozenset({"@authority", "@request-target"}), frozenset({"@authority", "@path", "@query"})),
    "@authority": (frozenset({"@target-uri"}),),
    "@scheme": (frozenset({"@target-uri"}),),
    "@path": (frozenset({"@target-uri"}), frozenset({"@request-target"})),
    "@query": (frozenset({"@target-uri"}), frozenset({"@request-target"})),
    "@request-target": (frozenset({"@target-uri"}), frozenset({"@path", "@query"})),
}


def missing(asked: Sequence[str], signed: Labelled) -> list[str]:
    """The words of `asked` (none: DEFAULT) and `created` that the signature does not cover. A member of a field (;key) is not the
    field, and one parameter of the query not the query."""
    whole = {component.name for component in signed.components if component.params.keys().isdisjoint({"key", "name"})}
    return [word for word in dict.fromkeys((*(asked or DEFAULT), "created")) if not _has(word, signed, whole)]


def _has(word: str, signed: Labelled, whole: set[str]) -> bool:
    if word in PARAMETERS:
        return getattr(signed, word) is not None
    return word in whole or any(parts <= whole for parts in _INSTEAD.get(word, ()))


def digests_covered(signed: Labelled) -> frozenset[str] | None:
    """Which members of Content-Digest are signed; None: all that there are."""
    found = [component.params for component in signed.components if component.name == DIGEST]
    if any("key" not in params for params in found):
        return None
    return frozenset(str(params["key"]) for params in found)


def accept_signature(asked: Sequence[str], tag: str, has_body: bool) -> str:
    """The value of Accept-Signature. A nonce cannot be asked for there without saying which."""
    words = dict.fromkeys((*(asked or DEFAULT), *((DIGEST,) if has_body else ()), "created"))
    components = tuple(Item(word) for word in words if word not in PARAMETERS)
    params: dict[str, bool | str] = {word: True for word in words if word in ("created", "expires")}
    if tag:
        params["tag"] = tag
    return write_dictionary({LABEL: InnerList(components, params)})
