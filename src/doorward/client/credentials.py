"""client_credentials (RFC 6749 section 4.4): the token is kept until near its end and fetched once for all who wait."""

import time
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from doorward.client import given
from doorward.client.assertion import ClientProof, SecretBasic
from doorward.client.dpop import DpopKey, DpopProofs
from doorward.client.renewing import Held, Obtaining, Renewing
from doorward.client.tokens import AccessToken, TokenError, read_token
from doorward.core.clock import Clock
from doorward.core.secret import Secret


@dataclass(frozen=True, slots=True)
class HeldToken:
    token: AccessToken

    @property
    def until(self) -> float | None:
        return self.token.until

    def show(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = self.token.header()


class ClientCredentials(Renewing):
    """`proof`: the client's secret (sent as client_secret_basic), or a SecretPost, PrivateKeyJwt or CertificateOnly.

    `dpop`: a key to bind the tokens to (RFC 9449). `resource`: RFC 8707. Raises TokenError from the request that needs a token. There is
    one token for all who use one object; of event loops that run at the same time in threads of their own, each may fetch one.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        proof: Secret | str | ClientProof,
        *,
        scopes: str | Iterable[str] = (),
        resource: str | None = None,
        dpop: DpopKey | None = None,
        insecure_http: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        if isinstance(proof, str | Secret):
            proof = SecretBasic(proof)
        if not hasattr(proof, "prove"):
            raise TypeError(f"the proof is a secret, SecretPost, PrivateKeyJwt or CertificateOnly, not {type(proof).__name__}")
        form = {"grant_type": "client_credentials"}
        if scope := scopes if isinstance(scopes, str) else " ".join(scopes):
            form["scope"] = scope
        if resource is not None:
            form["resource"] = resource
        proofs = DpopProofs(dpop) if dpop is not None else None
        source = TokenEndpoint(given.whole_url(token_url, "token_url"), given.text(client_id, "client_id"), proof, form, proofs)
        super().__init__(source, dpop=proofs, insecure_http=insecure_http, clock=clock)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    url: str
    client_id: str
    proof: ClientProof
    form: dict[str, str]
    dpop: DpopProofs | None

    def obtain(self, before: Held | None, now: float) -> Obtaining:
        request, nonce = self._request()
        response = yield request
        if self.dpop is not None and self.dpop.learns(response, nonce):
            request, nonce = self._request()
            response = yield request
            self.dpop.learns(response, nonce)
        token = read_token(response, now)
        if self.dpop is not None and token.type != "DPoP":
            raise TokenError("invalid_answer", "the token is not bound to the DPoP key", response.status_code)
        if self.dpop is None and token.type == "DPoP":
            raise TokenError("invalid_answer", "the token is bound to a DPoP key; say dpop=DpopKey.generate()", response.status_code)
        return HeldToken(token)

    def _request(self) -> tuple[httpx.Request, str | None]:
        """And the nonce that its DPoP proof holds."""
        form, headers = dict(self.form), {"Accept": "application/json"}
        self.proof.prove(self.client_id, self.url, form, headers)
        request = httpx.Request("POST", self.url, data=form, headers=headers)
        return request, self.dpop.show(request) if self.dpop is not None else None
