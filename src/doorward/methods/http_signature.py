"""HTTP message signatures (RFC 9421) with Content-Digest (RFC 9530): the secret never travels, and with a key pair the store
holds none.

On the wire  Signature-Input: sig=("@method" "@target-uri" "content-digest");created=…;keyid="<id>";nonce="…"
             Signature: sig=:…:, and Content-Digest: sha-256=:…: where there is a body
In the store lookup = keyid, kind = the algorithm, verifier = the public JWK, or the shared secret, sealed
Covered      what the route's `cover` says, always `created`, and `content-digest` of a body (`crypto.signature_cover`); and
             `authorization` where the policy takes the signature for the proof of a token's key
One          signature a request: of several none is chosen. With a tag in the options, one with that tag; the others are another's
Replay       by key and nonce; without a nonce by key and signature base, so another signature of the same (ECDSA, PSS) is a replay
Refused      MALFORMED, SHOWN_TWICE, NOT_COVERED, UNKNOWN (no such key, or another signature), STALE, BODY_NOT_SIGNED; of genuine
             keys REVOKED, EXPIRED, NOT_YET, WRONG_ADDRESS, WRONG_ORIGIN, WRONG_METHOD; REPLAYED at the gate
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.policy import Binder
from doorward.core.proof import NO_CLAIMS, NO_KEYS, Claims, OneUse, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.store import Credentials, Unavailable
from doorward.crypto.algorithms import BadSignature, Check
from doorward.crypto.content_digest import CLAIMS, is_of
from doorward.crypto.digest import sha256
from doorward.crypto.message_signing import covered_digests
from doorward.crypto.seal import SealBroken, Sealer
from doorward.crypto.signature_algorithms import HMAC, SEALED_FOR, can_be, checker, from_stored, shape, stand_in
from doorward.crypto.signature_base import Message, signature_base
from doorward.crypto.signature_cover import DEFAULT, DIGEST, accept_signature, missing
from doorward.crypto.signature_input import Labelled, read_signatures
from doorward.crypto.signature_told import told
from doorward.crypto.structured_field import BadField, Twice

_KNOWN_AT_MOST: Final = 4096
_CONTENT_DIGEST: Final = b"content-digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSignatureOptions:
    """`window` in seconds: how far `created` may be off, either way. `tag`: which of a request's signatures is for this door
    (RFC 9421 section 2.3); empty: a request has one."""

    window: float = 300.0
    tag: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 1 <= self.window <= 3600:
            raise ValueError("window: 1s to 1h; clocks differ by seconds, and whatever was signed is remembered so long")
        if not (self.tag.isascii() and self.tag.isprintable()) or len(self.tag) > 64:
            raise ValueError("tag: at most 64 visible ASCII characters")


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """`base` is what was signed, if it was signed here; `lacks` what the route asks for and it does not cover."""

    signed: Labelled
    base: str = field(repr=False)
    lacks: tuple[str, ...]
    digests: Mapping[str, bytes]
    request: Request = field(repr=False)


class HttpSignature:
    name: Final = "http_signature"
    challenge: Final = "Signature"
    ambient: Final = False
    guessable: Final = False
    fields: Final = (b"signature-input", b"signature")
    repeatable: Final = False

    def __init__(self, *, credentials: Credentials, sealer: Sealer, clock: Clock, options: HttpSignatureOptions | None = None) -> None:
        self._credentials, self._sealer, self._clock = credentials, sealer, clock
        self._options = options or HttpSignatureOptions()
        self._known: dict[tuple[str, bytes], tuple[Check, frozenset[str]]] = {}

    def find(self, request: Request, route: Route) -> ShownMessage | None:
        inputs, shown = (request.headers.every(name) for name in self.fields)
        if not inputs and not shown:
            return None
        try:
            signed = self._ours(read_signatures(inputs, shown))
            if signed is None:
                return None
            if signed.keyid is None:
                raise BadField("keyid says whose signature it is")
            covers = any(component.name == DIGEST for component in signed.components)
            if covers and request.has_body and _CONTENT_DIGEST not in request.headers:
                raise Refused(Why.BODY_NOT_SIGNED, "Content-Digest is missing, and the signature covers it.")
            base = signature_base(signed.components, signed.params, message_of(request, route))
            digests = covered_digests(signed, request.headers.every(_CONTENT_DIGEST)) if covers else {}
        except Twice as reason:
            raise Refused(Why.SHOWN_TWICE, "A label of a signature, or a parameter, was sent twice.", note=str(reason)) from None
        except BadField as reason:
            raise Refused(Why.MALFORMED, note=str(reason)) from None
        return ShownMessage(signed, base, tuple(missing(self._cover(route, request), signed)), digests, request)

    def asks(self, route: Route, request: Request) -> bytes:
        """The value of Accept-Signature for this request."""
        return accept_signature(self._cover(route, request), self._options.tag, request.has_body).encode("ascii")

    def _cover(self, route: Route, request: Request) -> Sequence[str]:
        """With the token that its key is asked for: else another of the same key could be put in its place, which a DPoP proof
        shuts out by `ath` (RFC 9449 section 7)."""
        bonds = (bond for way in route.ways for bond in way.bonds if b"authorization" in request.headers)
        if any(bond.bind is Binder.SAME_KEY and self.name in bond.methods for bond in bonds):
            return (*(route.cover or DEFAULT), "authorization")
        return route.cover

    def _ours(self, found: list[Labelled]) -> Labelled | None:
        tag = self._options.tag
        ours = [signed for signed in found if signed.tag == tag] if tag else found
        if len(ours) > 1:
            which = f"with the tag {tag} " if tag else ""
            raise Refused(Why.SHOWN_TWICE, f"Sign a request once: several signatures {which}were sent.")
        return ours[0] if ours else None

    async def prove(self, shown: ShownMessage) -> Proof:
        signed, request = shown.signed, shown.request
        _check_cover(shown)
        credential = await self._credentials.find(self.name, signed.keyid or "")
        keys = self._check(credential, shown)
        now, created = self._clock(), float(signed.created or 0)
        if credential is None or keys is None:
            about = "no such key id" if credential is None else "another signature, or of another algorithm than the key's"
            raise Refused(Why.UNKNOWN, note=about, facts={"signing_text": told(shown.base), **self._off(signed, now)})
        self._check_time(signed, now)
        credential.check_live(now)
        credential.limits.check(request.method, request.address, request.header(b"origin"))
        claims = await _check_body(shown)
        return Proof(
            method=self.name,
            subject=credential.owner,
            credential_id=credential.id,
            owner_kind=credential.owner_kind,
            scopes=credential.scopes if credential.scopes is not None else frozenset(),
            env=credential.env,
            claims=claims,
            rate=credential.limits.rate,
            authenticated_at=now,
            expires_at=credential.expires_at,
            # One second more than the window: at its very end the signature is still accepted, and still only once.
            once=OneUse(_mark(credential.id, shown), created + self._options.window + 1, created),
            keys=keys,
        )

    def _check(self, credential: Credential | None, shown: ShownMessage) -> frozenset[str] | None:
        """The keys that were shown, or None. What it costs depends on what was sent only: a signature that cannot be of the key, or
        of no key, is tried with a stand-in of its own shape."""
        signed, text = shown.signed, shown.base.encode("ascii")
        if credential is not None and _is_of(signed, credential.kind):
            check, keys = self._known_key(credential)
        else:
            check, keys = stand_in(shape(signed.alg, signed.signature), len(signed.signature)), None
        try:
            check(signed.signature, text)
        except BadSignature:
            return None
        return keys

    def _known_key(self, credential: Credential) -> tuple[Check, frozenset[str]]:
        place = credential.kind, credential.verifier
        if place not in self._known:
            built = self._built(credential)
            if len(self._known) >= _KNOWN_AT_MOST:
                self._known.pop(next(iter(self._known)))
            self._known[place] = built
        return self._known[place]

    def _built(self, credential: Credential) -> tuple[Check, frozenset[str]]:
        try:
            if credential.kind == HMAC:
                secret = self._sealer.open(credential.verifier, credential.key_id, SEALED_FOR, credential.id)
                return checker(HMAC, secret), NO_KEYS
            key, thumbprint = from_stored(credential.verifier)
            return checker(credential.kind, key), frozenset((f"jkt:{thumbprint}",))
        except (SealBroken, ValueError) as reason:
            raise Unavailable(f"the key {credential.id} cannot be read: {reason}") from reason

    def _check_time(self, signed: Labelled, now: float) -> None:
        if off := self._off(signed, now):
            raise Refused(Why.STALE, f"created is {abs(off['clock_skew']):.0f} seconds off this server's clock.", facts=off)
        if signed.expires is not None and now >= signed.expires:
            raise Refused(Why.STALE, "The signature has expired.", facts=self._skew(signed, now))

    def _off(self, signed: Labelled, now: float) -> dict[str, float]:
        """For `explain`: how far `created` is off, where that is too far."""
        facts = self._skew(signed, now)
        return facts if abs(facts["clock_skew"]) > self._options.window else {}

    def _skew(self, signed: Labelled, now: float) -> dict[str, float]:
        return {"clock_skew": float(signed.created or 0) - now, "window": self._options.window}


def message_of(request: Request, route: Route) -> Message:
    """Scheme and host as the caller's own words cannot change them: of the route's origin, else as they are told (DECISIONS 14)."""
    scheme, host = request.scheme, request.host
    if route.origin is not None:
        scheme, _, host = route.origin.partition("://")
    return Message(request.method, scheme, host, request.raw_path, request.query, lambda name: request.headers.every(name.encode()))


def _is_of(signed: Labelled, alg: str) -> bool:
    """The key says the algorithm; what the message says may only agree (RFC 9421 section 3.2)."""
    return signed.alg == alg if signed.alg is not None else can_be(alg, signed.signature)


def _mark(id: str, shown: ShownMessage) -> bytes:
    """What is spent: the nonce, else all that was signed. Not the signature, of which a caller could make others (ECDSA's r, n - s)."""
    nonce = shown.signed.nonce
    return sha256((f"http_signature\n{id}\nnonce\n{nonce}" if nonce is not None else f"http_signature\n{id}\nbase\n{shown.base}").encode())


def _check_cover(shown: ShownMessage) -> None:
    if shown.lacks:
        raise Refused(Why.NOT_COVERED, f"The signature must also cover {', '.join(shown.lacks)}.")
    if shown.request.has_body and not shown.digests:
        missing_too = "" if _CONTENT_DIGEST in shown.request.headers else "Content-Digest is missing. "
        raise Refused(Why.BODY_NOT_SIGNED, f"{missing_too}The signature of a request with a body must cover content-digest.")


async def _check_body(shown: ShownMessage) -> Claims:
    """What the service behind must compare, where the body goes by unseen (DECISIONS 11). Raises Refused: BODY_NOT_SIGNED,
    BODY_TOO_LARGE."""
    if not shown.digests:
        return NO_CLAIMS
    request = shown.request
    if request.body is None:
        return {CLAIMS[name]: digest.hex() for name, digest in shown.digests.items()}
    if not is_of(shown.digests, await request.body() if request.has_body else b""):
        of_none = "that of no body, and one was sent" if is_of(shown.digests, b"") else "not the digest of the body"
        raise Refused(Why.BODY_NOT_SIGNED, f"Content-Digest is {of_none}.")
    return NO_CLAIMS
