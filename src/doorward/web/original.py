"""The original request as a proxy tells it to `/verify`: its method and target, and whether it has a body. No I/O.

nginx      X-Original-Method, X-Original-URI
forwarded  X-Forwarded-Method, X-Forwarded-Uri (Caddy, Traefik)
envoy      the method of the request itself, and what follows `/verify` in its target

A proxy writes its own family and hands a caller's other ones through, so all that are present must agree byte for byte
(DECISIONS 9); `proxy_style` narrows it to one, and then the others are not read.
"""

import re
from enum import Enum
from typing import Final

from doorward.core.errors import Refused, Why
from doorward.core.request import SAFE_METHODS, Headers


class Style(Enum):
    NGINX = "nginx"
    FORWARDED = "forwarded"
    ENVOY = "envoy"


_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_COMMON: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_NOT_A_TARGET: Final = re.compile(r"[\x00-\x20\x7f#]")
_NGINX: Final = (b"x-original-method", b"x-original-uri")
_FORWARDED: Final = (b"x-forwarded-method", b"x-forwarded-uri")
_READ: Final[dict[Style | None, tuple[tuple[bytes, bytes], ...]]] = {
    None: (_NGINX, _FORWARDED),
    Style.NGINX: (_NGINX,),
    Style.FORWARDED: (_FORWARDED,),
    Style.ENVOY: (),
}

Original = tuple[str, str]


def read_original(headers: Headers, method: str, rest: str, style: Style | None) -> Original:
    """Method and target (PATH[?QUERY]). `rest`: what follows `/verify` in this request's own target.

    Raises Refused: BAD_REQUEST when none is told or two differ, BAD_PATH, SHOWN_TWICE.
    """
    methods: list[str] = []
    targets: list[str] = []
    whole = False
    for method_field, target_field in _READ[style]:
        one, two = headers.one(method_field), headers.one(target_field)
        if one is not None:
            methods.append(one)
        if two is not None:
            targets.append(two)
            whole = whole or one is not None
    if rest and style in (None, Style.ENVOY) and rest.startswith("/"):
        methods.append(method)
        targets.append(rest)
        whole = True
    if not whole:
        raise Refused(Why.BAD_REQUEST, "The proxy did not tell the original method and target.")
    told, target = methods[0], targets[0]
    if (len(methods) > 1 and methods.count(told) != len(methods)) or (len(targets) > 1 and targets.count(target) != len(targets)):
        raise Refused(Why.BAD_REQUEST, "The original method and target were told in two ways that do not agree.")
    if told not in _COMMON and _METHOD.fullmatch(told) is None:
        raise Refused(Why.BAD_REQUEST, "The original method is not understood.")
    if _NOT_A_TARGET.search(target):  # RFC 9112 section 3.2: no fragment, no blank
        raise Refused(Why.BAD_PATH, "The target holds a character that must be sent percent-encoded or not at all.")
    return told, target


def told_of_body(headers: Headers) -> bool | None:
    """Whether the proxy says that there is a body. None: it is silent."""
    length, coding = headers.one(b"x-original-content-length"), headers.one(b"x-original-transfer-encoding")
    if coding or length:
        return bool(coding) or length != "0"
    return None


def may_have_body(headers: Headers, method: str) -> bool:
    """Silence counts as a body, so that no signature over an empty one passes (DECISIONS 11); but for methods whose
    content means nothing (RFC 9110 section 9.3.1). For these the service behind is told to expect none."""
    told = told_of_body(headers)
    return method not in SAFE_METHODS if told is None else told
