"""What `[oauth]` in doorward.toml says of the endpoints; apart from them, since a library that has none reads it too."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthOptions:
    """`mtls_url`: the URL that this server's own TLS listener, which asks for client certificates, is reached by, if it is
    another than the issuer (RFC 8705 section 5)."""

    mtls_url: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        parts = urlsplit(self.mtls_url)
        if self.mtls_url and (parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment):
            raise ValueError(f"mtls_url {self.mtls_url!r} must be a URL such as https://mtls.door.example, without query or fragment")
