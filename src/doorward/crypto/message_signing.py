"""Requests signed and checked without a server (RFC 9421 section 3): what clients, the command line and tests share. No I/O.

sign_request gives the fields to send: Signature-Input, Signature, and Content-Digest where there is a body, or could be one. A
nonce makes two equal requests in one second two requests. check_request is the other side, for one signature.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from doorward.core.request import SAFE_METHODS
from doorward.core.secret import Secret
from doorward.crypto.algorithms import BadSignature, Check, PrivateKey, Sign
from doorward.crypto.content_digest import CONTENT_DIGEST, SHA256, content_digest, is_of, read_digests
from doorward.crypto.signature_algorithms import HMAC, algorithm_of, signer
from doorward.crypto.signature_base import Component, Message, read_components, signature_base
from doorward.crypto.signature_cover import DEFAULT, DIGEST, LABEL, PARAMETERS, digests_covered
from doorward.crypto.signature_input import Labelled, input_member, read_signatures, write_fields
from doorward.crypto.structured_field import BadField, Bare, Item, parse_item
from doorward.crypto.structured_text import write_member

Fields = Iterable[tuple[str, str]]
_CONTENT_DIGEST: Final = CONTENT_DIGEST.lower()


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Who signs: the key's id, its algorithm, and how."""

    id: str
    alg: str
    sign: Sign = field(repr=False)

    @classmethod
    def of(cls, id: str, key: PrivateKey | Secret, alg: str | None = None) -> "MessageKey":
        """A private key, or a shared secret for hmac-sha256. Raises signature_algorithms.WrongKey."""
        name = (alg or HMAC) if isinstance(key, Secret) else algorithm_of(key, alg)
        return cls(id, name, signer(name, key))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a request shall be signed. `cover`: components, as names or in full (`"@query-param";name="a"`); Content-Digest is added.
    `digest`: its algorithms. `tell_alg`: name the algorithm too, which the receiver knows by the key."""

    cover: Sequence[str] = DEFAULT
    label: str = LABEL
    tag: str | None = None
    lifetime: int | None = None
    digest: Sequence[str] = (SHA256,)
    tell_alg: bool = False


def sign_request(
    method: str, url: str, headers: Fields, body: bytes, key: MessageKey, *, created: int, nonce: str | None, wish: Wish | None = None
) -> dict[str, str]:
    """`headers` are those that the request will have. Raises ValueError: a URL, header or wish that cannot be signed."""
    wish, sent = wish or Wish(), list(headers)
    if strange := [word for word in wish.cover if word in PARAMETERS]:
        raise ValueError(f"{strange[0]} is a parameter, not a component")
    components = read_components([_named(word) for word in wish.cover])
    added: dict[str, str] = {}
    if body or method not in SAFE_METHODS or any(component.name == DIGEST for component in components):
        present = [value for name, value in sent if name.lower() == _CONTENT_DIGEST]
        if present and not is_of(read_digests(present), body):
            raise ValueError("the Content-Digest that was given is not of this body")
        if not present:
            added[CONTENT_DIGEST] = content_digest(body, wish.digest)
        if all(component.name != DIGEST for component in components):
            components = (*components, Component(DIGEST, {}))
    member = input_member(components, _parameters(key, created, nonce, wish))
    base = signature_base(components, write_member(member), message_of(method, url, [*sent, *added.items()]))
    return added | write_fields(wish.label, member, key.sign(base.encode("ascii")))


def _parameters(key: MessageKey, created: int, nonce: str | None, wish: Wish) -> dict[str, Bare]:
    expires = created + wish.lifetime if wish.lifetime is not None else None
    said = {
        "created": created,
        "expires": expires,
        "keyid": key.id,
        "nonce": nonce,
        "tag": wish.tag,
        "alg": key.alg if wish.tell_alg else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _named(word: str) -> Item:
    return parse_item(word) if word.startswith('"') else Item(word)


def message_of(method: str, url: str, headers: Fields) -> Message:
    """Raises ValueError for a URL that is not one as it is sent."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("the URL is written percent-encoded, as it is sent")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("write the whole URL, such as https://api.example/pets?tag=dog, without a name in it")
    lines: dict[str, list[str]] = {}
    for name, value in headers:
        lines.setdefault(name.lower(), []).append(value)
    return Message(method, parts.scheme, parts.netloc, parts.path or "/", parts.query, lambda name: lines.get(name, []))


def check_request(method: str, url: str, headers: Fields, body: bytes, check: Check, label: str | None = None) -> Labelled:
    """The signature of this request that has the label, or its only one. Time and replay are the caller's to judge.

    Raises BadField, BadSignature, or ValueError for a URL that is none.
    """
    sent = [(name.lower(), value) for name, value in headers]
    found = read_signatures(*([value for name, value in sent if name == field] for field in ("signature-input", "signature")))
    if label is not None:
        found = [signed for signed in found if signed.label == label]
    if len(found) != 1:
        raise BadField(
            "there is no signature with this label" if label is not None else "there are several signatures: say which by its label"
        )
    signed = found[0]
    base = signature_base(signed.components, signed.params, message_of(method, url, sent))
    check(signed.signature, base.encode("ascii"))
    present = [value for name, value in sent if name == _CONTENT_DIGEST]
    if any(component.name == DIGEST for component in signed.components) and not is_of(covered_digests(signed, present), body):
        raise BadSignature("the body is not the one whose digest was signed")
    return signed


def covered_digests(signed: Labelled, lines: Sequence[str]) -> dict[str, bytes]:
    """Of Content-Digest what the signature covers and is known here. Raises BadField where that is nothing."""
    covered, known = digests_covered(signed), read_digests(lines)
    if covered is not None:
        known = {name: digest for name, digest in known.items() if name in covered}
    if not known:
        raise BadField("no digest that is known here is covered")
    return known
