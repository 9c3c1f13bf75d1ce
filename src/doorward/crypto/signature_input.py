"""The fields Signature-Input and Signature (RFC 9421 section 4): labelled signatures, read and written. No I/O.

Signature-Input: sig=("@method" "@authority");created=1618884473;keyid="…";nonce="…"
Signature: sig=:<base64>:

Parameters  created, expires (seconds since the epoch), nonce, alg, keyid, tag (section 2.3); any other is refused
Errors      BadField; Twice where a label or a parameter comes twice
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from doorward.crypto.signature_base import Component, read_components
from doorward.crypto.structured_field import BadField, Bare, InnerList, Item, Params, parse_dictionary
from doorward.crypto.structured_text import write_dictionary, write_member

INPUT: Final = "Signature-Input"
SIGNATURE: Final = "Signature"
MOST_LABELS: Final = 8
LONGEST_SIGNATURE: Final = 512
"""Bytes: of RSA with 4096 bits."""
LONGEST_TEXT: Final = 256
LONGEST_FIELD: Final = 4096
"""Characters of either field, all its lines together."""
_TIMES: Final = ("created", "expires")
_TEXTS: Final = ("nonce", "alg", "keyid", "tag")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One signature of a message. `params` is the inner list as text, the last line of what it signs."""

    label: str
    components: tuple[Component, ...]
    params: str
    signature: bytes = field(repr=False)
    created: int | None = None
    expires: int | None = None
    nonce: str | None = None
    alg: str | None = None
    keyid: str | None = None
    tag: str | None = None


def read_signatures(inputs: Sequence[str], signatures: Sequence[str]) -> list[Labelled]:
    """By the lines of both fields. A label stands in both, or the message is refused (RFC 9421 section 4.2)."""
    if max(sum(map(len, inputs)), sum(map(len, signatures))) > LONGEST_FIELD:
        raise BadField("the fields of a signature are too long")
    described, shown = parse_dictionary(inputs, once=True), parse_dictionary(signatures, once=True)
    if described.keys() != shown.keys():
        raise BadField("a signature lacks its input, or an input its signature")
    if not 0 < len(described) <= MOST_LABELS:
        raise BadField(f"a message has 1 to {MOST_LABELS} signatures")
    found = []
    for label, member in described.items():
        value = shown[label]
        if not isinstance(value, Item) or not isinstance(value.value, bytes) or value.params:
            raise BadField("a signature is a byte sequence")
        if not 0 < len(value.value) <= LONGEST_SIGNATURE:
            raise BadField("a signature is longer than any that is taken here, or empty")
        if not isinstance(member, InnerList):
            raise BadField("a signature's input is an inner list")
        found.append(_labelled(label, member, value.value))
    return found


def _labelled(label: str, member: InnerList, signature: bytes) -> Labelled:
    return Labelled(label, read_components(member.items), write_member(member), signature, **_parameters(member.params))


def _parameters(params: Params) -> dict[str, Any]:
    for name, value in params.items():
        is_time = name in _TIMES and isinstance(value, int) and not isinstance(value, bool) and value >= 0
        is_text = name in _TEXTS and isinstance(value, str) and len(value) <= LONGEST_TEXT
        if not (is_time or is_text):
            raise BadField(f"the signature parameter {name[:64]} is unknown, or of another kind than it must be")
    return dict(params)


def input_member(components: Sequence[Component], parameters: Mapping[str, Bare]) -> InnerList:
    """What is signed of a new signature: write it with `structured_text.write_member`. Raises BadField for what no reader takes."""
    _parameters(parameters)
    items = tuple(Item(component.name, component.params) for component in components)
    read_components(items)
    return InnerList(items, parameters)


def write_fields(label: str, member: InnerList, signature: bytes) -> dict[str, str]:
    return {INPUT: write_dictionary({label: member}), SIGNATURE: write_dictionary({label: Item(signature)})}
