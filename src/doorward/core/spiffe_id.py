"""SPIFFE IDs: `spiffe://trust-domain/path`, the name of a workload (the SPIFFE-ID standard, section 2)."""

import re
from dataclasses import dataclass
from typing import Final

SCHEME: Final = "spiffe://"
LONGEST: Final = 2048
"""Bytes (section 2.3); a trust domain has at most 255."""
_TRUST_DOMAIN: Final = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """`path` is empty (a trust domain's own id) or begins with `/`."""

    trust_domain: str
    path: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain}{self.path}"

    @classmethod
    def parse(cls, text: str) -> "SpiffeId":
        """Strictly: what another implementation might read otherwise is no SPIFFE ID. Raises ValueError with the mend."""
        if len(text) > LONGEST:
            raise ValueError(f"a SPIFFE ID has at most {LONGEST} characters")
        if not text.startswith(SCHEME):
            raise ValueError("a SPIFFE ID begins with spiffe://, in lower case")
        trust_domain, slash, path = text.removeprefix(SCHEME).partition("/")
        if not _TRUST_DOMAIN.fullmatch(trust_domain):
            raise ValueError("the trust domain of a SPIFFE ID has 1 to 255 lower-case letters, digits, dots, dashes and underscores")
        if slash:
            for segment in path.split("/"):
                if not segment:
                    raise ValueError("the path of a SPIFFE ID has no empty part and no slash at its end")
                if segment in (".", ".."):
                    raise ValueError("the path of a SPIFFE ID has no part `.` or `..`")
                if not _SEGMENT.fullmatch(segment):
                    raise ValueError("the path of a SPIFFE ID has letters, digits, dots, dashes and underscores only")
        return cls(trust_domain, slash + path)
