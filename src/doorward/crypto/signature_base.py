"""What a message signature of a request signs (RFC 9421 sections 2 and 2.5): one line for each covered component, in their order.

"@method": POST
"@authority": api.example
"content-digest": sha-256=:…:
"@signature-params": ("@method" "@authority" "content-digest");created=1618884473;keyid="…"

Components  fields by their lower-case name, with ;sf ;key="member" ;bs; derived ones of requests: @method, @target-uri, @authority,
            @scheme, @request-target, @path, @query, @query-param;name="…"
Errors      BadField: a component that is unknown, comes twice, is of responses (;req, @status) or trailers (;tr), cannot be had of
            this request, has a parameter that is not its own; a field that is not ASCII (without ;bs); too many, too long
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from doorward.crypto.structured_field import BadField, Item, Params, parse_dictionary, parse_item, parse_list
from doorward.crypto.structured_text import write_dictionary, write_item, write_list, write_member

MOST_COMPONENTS: Final = 64
LONGEST_BASE: Final = 16384
"""Characters, also of all field values that are read for it: a long field that is covered by each of its members costs each time."""
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,128}")  # RFC 9421 section 2.1: lower case
_VISIBLE: Final = re.compile(r"[\t -~]*")
_FLAGS: Final = frozenset({"sf", "bs", "req", "tr"})
_PARAMETERS: Final = _FLAGS | {"key"}
_DEFAULT_PORT: Final = {"http": ":80", "https": ":443"}
_DICTIONARY, _LIST, _ITEM = "dictionary", "list", "item"
STRUCTURED: Final = {
    **dict.fromkeys(("accept-signature", "cache-control", "cdn-cache-control", "content-digest", "priority", "repr-digest"), _DICTIONARY),
    **dict.fromkeys(("signature", "signature-input", "want-content-digest", "want-repr-digest"), _DICTIONARY),
    **dict.fromkeys(("cache-status", "client-cert-chain", "proxy-status"), _LIST),
    **dict.fromkeys(("client-cert", "idempotency-key"), _ITEM),
}
"""The fields whose kind is known here, for ;sf: it is the field's own definition that says it (RFC 9421 section 2.1.1)."""

Lines = Callable[[str], Sequence[str]]
"""The values of the field of that lower-case name, one for each line it was sent in, in their order."""


class Message(NamedTuple):
    """A request. `scheme` and `authority` None: not known here, so nothing that needs them is signed. `path` and `query` as on
    the wire; no query and an empty one are the same."""

    method: str
    scheme: str | None
    authority: str | None
    path: str
    query: str
    lines: Lines


class Component(NamedTuple):
    """`params` keep their order; the same ones in another order are the same component (RFC 9421 section 2)."""

    name: str
    params: Params

    @property
    def identity(self) -> tuple[str, frozenset[tuple[str, object]]]:
        return self.name, frozenset(self.params.items())

    @property
    def text(self) -> str:
        return write_item(Item(self.name, self.params))


def read_components(items: Sequence[Item]) -> tuple[Component, ...]:
    """Raises BadField."""
    if len(items) > MOST_COMPONENTS:
        raise BadField(f"a signature covers at most {MOST_COMPONENTS} components here")
    found = tuple(_component(item) for item in items)
    if len({component.identity for component in found}) != len(found):
        raise BadField("a component is covered twice")  # RFC 9421 section 2.5
    return found


def _component(item: Item) -> Component:
    name, params = item
    if not isinstance(name, str):
        raise BadField("a component is named by a string")
    if any(params.get(flag, True) is not True for flag in _FLAGS) or not all(isinstance(params.get(at, ""), str) for at in ("key", "name")):
        raise BadField(f"a parameter of {name[:64]} has a value that it cannot have")
    if "req" in params or "tr" in params:
        raise BadField("a request has no ;req, and trailers are not signed here")  # RFC 9421 sections 2.4 and 2.1.4
    if name == "@query-param":
        if params.keys() != {"name"}:
            raise BadField("@query-param has the parameter name, and no other")
    elif name.startswith("@"):
        if name not in _DERIVED or params:
            raise BadField(f"{name[:64]} is no derived component of a request, or has a parameter that it cannot have")
    elif not _FIELD.fullmatch(name) or not params.keys() <= _PARAMETERS or ("bs" in params and len(params) > 1):
        raise BadField("a field is covered by its lower-case name, with ;sf, ;key or ;bs, and ;bs alone")
    return Component(name, params)


def signature_base(components: Sequence[Component], params: str, message: Message) -> str:
    """`params` is the serialized inner list with its parameters (RFC 9421 section 2.3). Raises BadField."""
    if sum(len(line) for component in components if component.name[:1] != "@" for line in message.lines(component.name)) > LONGEST_BASE:
        raise BadField("what is covered is too long")
    query = _form(message.query) if any(component.name == "@query-param" for component in components) else {}
    lines = [f"{component.text}: {_value(component, message, query)}" for component in components]
    base = "\n".join((*lines, f'"@signature-params": {params}'))
    if len(base) > LONGEST_BASE:
        raise BadField("what is covered is too long")
    return base


def _value(component: Component, message: Message, query: Mapping[str, Sequence[str]]) -> str:
    name, params = component
    if name == "@query-param":
        value = _query_param(query, str(params["name"]))
    elif name.startswith("@"):
        value = _DERIVED[name](message)
    else:
        value = _field(name, params, message.lines(name))
    if not _VISIBLE.fullmatch(value):  # RFC 9421 section 2.5: ASCII, and no line of its own
        raise BadField(f"the value of {name} cannot be signed as it is")
    return value


def _field(name: str, params: Params, lines: Sequence[str]) -> str:
    if not lines:
        raise BadField(f"the field {name} is covered and not there")
    if "bs" in params:  # RFC 9421 section 2.1.3
        return write_list([Item(_unfolded(line).encode("latin-1")) for line in lines])
    value = ", ".join(map(_unfolded, lines))
    if "key" in params:  # RFC 9421 section 2.1.2
        member = parse_dictionary(value).get(str(params["key"]))
        if member is None:
            raise BadField(f"the field {name} lacks the member that is covered")
        return write_member(member)
    return _strictly(name, value) if "sf" in params else value


def _unfolded(line: str) -> str:
    """RFC 9421 section 2.1: no white space around it, and a line that was folded is one again."""
    if "\n" not in line:
        return line.strip(" \t\r")
    first, *rest = line.split("\n")
    if any(part[:1] not in (" ", "\t") for part in rest):
        raise BadField("a field value holds a line break")
    return " ".join(part.strip(" \t\r") for part in (first, *rest)).strip(" ")


def _strictly(name: str, value: str) -> str:
    kind = STRUCTURED.get(name)
    if kind is _DICTIONARY:
        return write_dictionary(parse_dictionary(value))
    if kind is _LIST:
        return write_list(parse_list(value))
    if kind is _ITEM:
        return write_item(parse_item(value))
    raise BadField(f"{name};sf: of which kind this structured field is is not known here")


def authority(scheme: str | None, host: str | None) -> str:
    """In lower case, without the scheme's own port (RFC 9421 section 2.2.3)."""
    if host is None:
        raise BadField("which host the caller asked for is not known: no listed proxy tells it, and the route has no origin")
    return host.lower().removesuffix(_DEFAULT_PORT.get(scheme or "", "\n"))


def _scheme(message: Message) -> str:
    if message.scheme is None:
        raise BadField("whether the caller used https is not known: no listed proxy tells it, and the route has no origin")
    return message.scheme.lower()


def _request_target(message: Message) -> str:
    return f"{message.path or '/'}?{message.query}" if message.query else message.path or "/"


def _form(query: str) -> Mapping[str, Sequence[str]]:
    """RFC 9421 section 2.2.8: parsed as a form and encoded again. Once a message: a stranger could cover 64 parameters of 4000."""
    if not query.isascii():
        raise BadField("the query is sent percent-encoded")
    values: dict[str, list[str]] = {}
    for key, value in map(_pair, filter(None, query.split("&"))):
        values.setdefault(key, []).append(value)
    return values


def _query_param(query: Mapping[str, Sequence[str]], name: str) -> str:
    """One that comes several times cannot be covered."""
    values = query.get(name, ())
    if len(values) != 1:
        raise BadField("a query parameter that is covered is not there, or not once")
    return values[0]


def _pair(part: str) -> tuple[str, str]:
    key, _, value = part.partition("=")
    return _encoded(key), _encoded(value)


def _encoded(text: str) -> str:
    plain = unquote_to_bytes(text.replace("+", " "))
    try:
        plain.decode("utf-8")
    except UnicodeDecodeError:
        raise BadField("the query is not UTF-8") from None  # the form parser would make different ones alike
    return quote(plain, safe="*-._").replace("~", "%7E")


_DERIVED: Final[dict[str, Callable[[Message], str]]] = {
    "@method": lambda message: message.method,
    "@target-uri": lambda message: f"{_scheme(message)}://{authority(message.scheme, message.authority)}{_request_target(message)}",
    "@authority": lambda message: authority(message.scheme, message.authority),
    "@scheme": _scheme,
    "@request-target": _request_target,
    "@path": lambda message: message.path or "/",
    "@query": lambda message: f"?{message.query}",
}
"""RFC 9421 sections 2.2.1 to 2.2.7."""
