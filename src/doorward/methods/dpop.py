"""DPoP (RFC 9449): not a method that policies name, but the proof that the gate asks for where a token is bound to a key.

On the wire  Authorization: DPoP <token>, and DPoP: <proof> (`crypto.dpop_proof`), made anew for each request
Compared     htm, htu (`core.target_uri`), iat within the window, the nonce if one is required, then the signature: one for
             each request at most. ath and the key are compared with the token's by `core.bind`; jti is spent by the gate, last
Refused      BAD_DPOP, NEEDS_NONCE (with DPoP-Nonce), STALE; REPLAYED at the gate
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from doorward.core.bind import DPOP
from doorward.core.clock import Clock
from doorward.core.errors import Refused, Why
from doorward.core.proof import OneUse, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.target_uri import normalized, target_uri
from doorward.crypto.digest import sha256
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.crypto.dpop_proof import DpopProof, bad, read_proof

FIELD: Final = b"dpop"
NONCE_FIELD: Final = b"dpop-nonce"
_NONCE: Final = ("off", "required")


@dataclass(frozen=True, slots=True, kw_only=True)
class DpopOptions:
    """In seconds. `window`: how old a proof may be; `leeway`: how far a client's clock may be ahead. `nonce`: "required"
    takes proofs with a nonce of this server only, which live for `nonce_life` (docs/adr/0015)."""

    window: float = 60.0
    leeway: float = 15.0
    nonce: str = "off"
    nonce_life: float = 180.0

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 1 <= self.window <= 600:
            raise ValueError("window: 1s to 10m; whatever was proven is remembered so long")
        if not 0 <= self.leeway <= 60:
            raise ValueError("leeway: 0s to 60s")
        if self.nonce not in _NONCE:
            raise ValueError(f"nonce: write one of {', '.join(_NONCE)}")
        if not 30 <= self.nonce_life <= 3600:
            raise ValueError("nonce_life: 30s to 1h; a new nonce is given every third of it")


class ShownProof(NamedTuple):
    """`targets`: the URIs of this request, any of which the proof may name."""

    proof: DpopProof
    method: str
    targets: tuple[str, ...]


class Dpop:
    name: Final = DPOP
    challenge: Final = "DPoP"
    ambient: Final = False
    guessable: Final = False
    fields: Final = (FIELD,)
    repeatable: Final = False

    def __init__(self, *, nonces: DpopNonces, clock: Clock, options: DpopOptions | None = None) -> None:
        self._nonces, self._clock, self._options = nonces, clock, options or DpopOptions()

    def find(self, request: Request, route: Route) -> ShownProof | None:
        """Beside an access token. Raises Refused(BAD_DPOP)."""
        if FIELD in request.headers and request.authorization("dpop") is None:  # RFC 9449 section 7.2: no way down to Bearer
            raise bad("A token that is bound to a key is sent as Authorization: DPoP.")
        return self._read(request, target_uri(request, route))

    def find_for_token(self, request: Request, origin: str) -> ShownProof | None:
        """At a door of ours that gives tokens (RFC 9449 section 5). `origin`: its own, as the issuer is configured; the one that
        the connection, or a listed proxy, tells counts too."""
        return self._read(request, request.origin and normalized(request.origin + request.raw_path), normalized(origin + request.raw_path))

    def _read(self, request: Request, *targets: str | None) -> ShownProof | None:
        sent = request.headers.every(FIELD)
        if not sent:
            return None
        if len(sent) > 1:  # RFC 9449 section 4.3, step 1
            raise bad("More than one DPoP proof was sent.")
        known = tuple(target for target in targets if target)
        if not known:
            raise bad(
                "The door was not told the scheme and host of this request.", note="set the route's origin, or let the proxy tell them"
            )
        return ShownProof(read_proof(sent[0]), request.method, known)

    async def prove(self, shown: ShownProof) -> Proof:
        proof, now = shown.proof, self._clock()
        if proof.htm != shown.method:
            raise bad("The DPoP proof is for another HTTP method.", note=f"htm is {proof.htm!r}")
        if (htu := normalized(proof.htu)) is None or htu not in shown.targets:
            raise bad("The DPoP proof is for another URI.", note=f"htu is {htu!r}; taken: {' '.join(shown.targets)}")
        tells = self._check_nonce(proof)
        if not -self._options.leeway <= now - proof.iat <= self._options.window:
            raise Refused(Why.STALE, f"The iat of the DPoP proof is {now - proof.iat:.0f} seconds off this server's clock.", fields=tells)
        proof.verify()
        # One use of a jti by a key, at whatever URI; for one second more than the window, at whose very end it is still taken.
        once = OneUse(_mark(proof), proof.iat + self._options.window + 1, proof.iat)
        keys = frozenset((f"jkt:{proof.key.jkt}",))
        return Proof(method=self.name, subject="", credential_id=DPOP, keys=keys, ath=proof.ath, once=once, tells=tells)

    def _check_nonce(self, proof: DpopProof) -> tuple[tuple[bytes, bytes], ...]:
        """What to tell: a new nonce, where the one shown is not the newest. Raises Refused(NEEDS_NONCE)."""
        if self._options.nonce == "off":
            return ()  # one that another server gave means nothing here
        newest = self._nonces.current()
        if proof.nonce == newest:
            return ()
        tells = ((NONCE_FIELD, newest.encode()),)
        if proof.nonce is None or not self._nonces.takes(proof.nonce):
            raise Refused(Why.NEEDS_NONCE, "Sign the DPoP proof with the nonce in DPoP-Nonce.", fields=tells)  # RFC 9449 sections 8, 9
        return tells


def _mark(proof: DpopProof) -> bytes:
    return sha256(f"dpop\n{proof.key.jkt}\n{proof.jti}".encode(errors="surrogatepass"))
