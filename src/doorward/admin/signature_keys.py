"""Keys of HTTP message signatures: a pair whose private half is shown once and kept nowhere, a public half that the caller brings,
or a shared secret for hmac-sha256, sealed."""

from dataclasses import replace

from doorward.admin.mistake import Mistake
from doorward.core import key_text
from doorward.core.clock import Entropy
from doorward.core.credential import Credential
from doorward.core.secret import Secret
from doorward.crypto.seal import Sealer
from doorward.crypto.signature_algorithms import (
    ALGORITHMS,
    ED25519,
    HMAC,
    SEALED_FOR,
    WrongKey,
    algorithm_of,
    from_stored,
    generate,
    private_pem,
    public_pem,
    read_public,
    to_stored,
)


def algorithm(alg: str, public: bytes | None) -> str:
    """`alg` "": that of the public key, else ed25519. Raises Mistake."""
    if alg and alg not in ALGORITHMS:
        raise Mistake(f"{alg} is no algorithm of message signatures; there are {', '.join(ALGORITHMS)}")
    if public is None:
        return alg or ED25519
    if alg == HMAC:
        raise Mistake(f"{HMAC} has a shared secret, no public key")
    try:
        return algorithm_of(read_public(public), alg or None)
    except WrongKey as reason:
        raise Mistake(str(reason)) from None


def fill(blank: Credential, public: bytes | None, sealer: Sealer, entropy: Entropy) -> tuple[Credential, Secret]:
    """The credential of the algorithm that `blank.kind` says, with a new id; and what its holder is told, once: the private half in
    PEM, the shared secret, or the public half that was brought. Raises Mistake."""
    id = key_text.new_id(entropy)
    made = replace(blank, id=id, lookup=id, start=id[:4], last4=id[-4:])
    if blank.kind == HMAC and public is None:
        secret = Secret(key_text.new_secret(entropy))
        sealed = sealer.seal(secret.reveal().encode(), SEALED_FOR, id)
        return replace(made, verifier=sealed, key_id=sealer.current), secret
    if public is not None:
        algorithm(blank.kind, public)
        key = read_public(public)
        return replace(made, verifier=to_stored(key), key_id=""), Secret(public_pem(key))
    private = generate(blank.kind)
    return replace(made, verifier=to_stored(private.public_key()), key_id=""), private_pem(private)


def shown_public(key: Credential) -> dict[str, str]:
    """The public half and its thumbprint (RFC 7638); nothing of a shared secret."""
    if key.kind == HMAC:
        return {}
    public, thumbprint = from_stored(key.verifier)
    return {"public_key": public_pem(public), "thumbprint": thumbprint}
