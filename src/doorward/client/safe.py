"""Where a credential may be sent: over TLS, or to this machine; and what is known of a request's target and body."""

import httpx

from doorward.core.address import is_loopback


class Unsafe(ValueError):
    """The credential was not sent."""


def check_way(url: httpx.URL, *, insecure_http: bool = False) -> None:
    """Raises Unsafe: plain http to another machine shows the credential to everyone on the way (RFC 6750 section 5.3)."""
    if url.scheme == "https" or insecure_http or (url.scheme == "http" and (url.host == "localhost" or is_loopback(url.host))):
        return
    if not url.scheme or not url.host:
        raise Unsafe("a credential is not sent to nowhere: write the whole URL, https://…, or give the client a base_url")
    raise Unsafe(f"a credential is not sent to {url.host} over plain {url.scheme}; use https, or say insecure_http=True")


def is_field_value(text: str) -> bool:
    """RFC 9110 section 5.5, without what is obsolete."""
    return text.isascii() and text.isprintable() and text == text.strip()


def origin_of(url: httpx.URL) -> str:
    """Scheme, host and port as the server sees them (RFC 6454 section 6.2)."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def target_of(url: httpx.URL) -> str:
    """PATH[?QUERY], as on the wire."""
    return url.raw_path.decode("ascii")


def can_be_sent_again(request: httpx.Request) -> bool:
    """A body that streams from somewhere is gone once it was sent."""
    return isinstance(request.stream, httpx.ByteStream)
