"""How the tokens of a sign-in travel: in which places, and bound to which key. Settled at the sign-in, kept with its grant."""

from typing import Final, NamedTuple

from doorward.core.grant import Grant

BEARER: Final = "bearer"
COOKIE: Final = "cookie"
HYBRID: Final = "hybrid"


class Carried(NamedTuple):
    """`transport`: both tokens in the answer (bearer), both in cookies (cookie), or the refresh token in a cookie alone
    (hybrid). `jkt`: the thumbprint of the DPoP key that they are bound to, the refresh token too (RFC 9449 section 5)."""

    transport: str = BEARER
    jkt: str | None = None

    @classmethod
    def of(cls, grant: Grant) -> "Carried":
        return cls(grant.data.get("transport", BEARER), grant.data.get("jkt"))

    def data(self) -> dict[str, str]:
        """For `Grant.data`."""
        told = {"transport": self.transport} if self.transport != BEARER else {}
        return told if self.jkt is None else {**told, "jkt": self.jkt}


IN_THE_ANSWER: Final = Carried()
