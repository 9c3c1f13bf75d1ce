"""An OIDC issuer that can be told to lie, be slow, or fail; over the real fetcher or without a network."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwk, jwt

from doorward.outbound.fetch import Fetched
from doorward.outbound.refusal import Failure, FetchError

URL = "https://idp.test"


@dataclass
class Key:
    """A key pair as joserfc has it: another implementation than ours."""

    kid: str | None = "k1"
    alg: str = "ES256"
    made: Any = None

    def __post_init__(self) -> None:
        self.made = self.made or self._make()

    def _make(self) -> Any:
        if self.alg.startswith("ES"):
            return jwk.ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[self.alg], private=True)
        if self.alg in ("EdDSA", "Ed25519"):
            return jwk.OKPKey.generate_key("Ed25519", private=True)
        return jwk.RSAKey.generate_key(2048, private=True)

    def public(self, **changed: object) -> dict[str, Any]:
        members = {**self.made.as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig"} | changed
        return {name: value for name, value in members.items() if value is not None}

    def sign(self, claims: dict[str, Any], typ: str | None = "at+jwt", **header: object) -> str:
        head = {"alg": self.alg, "kid": self.kid, "typ": typ} | header
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, claims, self.made, algorithms=[str(head["alg"])], default_type=None)


@dataclass
class Publisher:
    """Stands where the fetcher does: `asked` are the URLs, `answers` what they give (an exception is raised)."""

    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    max_age: float | None = None
    delay: float = 0.0
    gate: asyncio.Event | None = None

    def publish(self, *keys: dict[str, Any], issuer: str = URL) -> "Publisher":
        self.answers[f"{issuer}/.well-known/openid-configuration"] = {"issuer": issuer, "jwks_uri": f"{issuer}/jwks"}
        self.answers[f"{issuer}/jwks"] = {"keys": list(keys)}
        return self

    @property
    def fetches(self) -> int:
        return sum(url.endswith("jwks") for url in self.asked)

    async def get(self, url: str, *, accept: str = "application/json", most: int = 0) -> Fetched:
        self.asked.append(url)
        if self.gate is not None:
            await self.gate.wait()
        await asyncio.sleep(self.delay)
        answer = self.answers.get(url, FetchError(Failure.BAD_STATUS, "404"))
        if isinstance(answer, Exception):
            raise answer
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return Fetched(body, "application/json", self.max_age)

    def fail(self, why: Failure = Failure.UNREACHABLE) -> None:
        self.answers = {url: FetchError(why) for url in self.answers}
