"""`sign` and `verify` as functions, for programs that send webhooks and for those that take them without a door.

Secrets are texts as their sender shows them (`doorward.Secret` or str), several while one takes the other's place.
Refused      MISSING (no signature of this form), MALFORMED, SHOWN_TWICE, HEADER_TOO_LARGE, BODY_TOO_LARGE, BAD_WEBHOOK,
             STALE. `verify` never gives a bool
Replays      are for the caller to refuse: `Verified.mark` is the same for the same signed text. A route with
             `allow = "webhook"` does it for all workers
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from doorward.core.clock import Clock, Entropy
from doorward.core.errors import Refused, Why
from doorward.core.request import Headers
from doorward.core.secret import Secret
from doorward.crypto.webhook_form import TOLERANCE, Form, Key, matching, replay_mark, text_of
from doorward.crypto.webhook_forms import FORMS

FORM_NAMES: Final = tuple(FORMS)
LARGEST: Final = 1024 * 1024
MOST_SECRETS: Final = 8

Fields = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header fields; pairs where the framework keeps a field that was sent twice as two."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A genuine message. `id` is for telling a sender's repeats apart, "" where the form has none; GitHub does not sign it.
    `timestamp` None: the form signs no time. `mark`: spend it once, and a replay is one that is spent already."""

    form: str
    id: str
    timestamp: int | None
    mark: bytes
    body: bytes = field(repr=False)

    def json(self) -> object:
        """Raises ValueError."""
        return json.loads(self.body)


def sign(
    form: str,
    body: bytes,
    *secrets: Secret | str,
    id: str | None = None,
    clock: Clock = time.time,
    entropy: Entropy = os.urandom,
) -> dict[str, str]:
    """The header fields to send. `id`: the same for each attempt to deliver one message; without it a new one.

    Raises ValueError: no such form, a secret that is none of it.
    """
    its, keys = _keys(form, secrets)
    at = int(clock())
    named = id if id is not None else f"msg_{entropy(16).hex()}" if form == "standard" else entropy(16).hex()
    text = its.text(named, at, body)
    signatures = [(key.scheme, key.sign(text)) for key in keys if key.sign is not None]
    if len(signatures) != len(keys):
        raise ValueError("a public key (whpk_) signs nothing; give the private one (whsk_)")
    return its.write(named, at, signatures)


def verify(
    form: str,
    headers: Fields,
    body: bytes,
    *secrets: Secret | str,
    tolerance: float = TOLERANCE,
    largest: int = LARGEST,
    clock: Clock = time.time,
) -> Verified:
    """The message, genuine under one of the secrets. `tolerance` in seconds, either way. Raises Refused, ValueError as `sign`."""
    its, keys = _keys(form, secrets)
    if len(body) > largest:
        raise Refused(Why.BODY_TOO_LARGE, f"A signed body may have {largest} bytes.")
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    claimed = its.read(Headers([(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in pairs]).one)
    if claimed is None:
        raise Refused(Why.MISSING, f"There is no signature of the form {form}.")
    text = text_of(its, claimed, body)
    if matching(keys, claimed, text) is None:
        raise Refused(Why.BAD_WEBHOOK)
    if claimed.timestamp is not None and abs(clock() - claimed.timestamp) > tolerance:
        raise Refused(Why.STALE, f"The message was signed more than {tolerance:g} seconds ago, or in the future.")
    return Verified(form, claimed.id, claimed.timestamp, replay_mark(form, "", text), body)


def new_secret(form: str, entropy: Entropy = os.urandom) -> Secret:
    """Raises ValueError."""
    return _form(form).new_secret(entropy)


def _form(name: str) -> Form:
    if name not in FORMS:
        raise ValueError(f"there is no webhook form {name[:40]!r}; there are {', '.join(FORM_NAMES)}")
    return FORMS[name]


def _keys(form: str, secrets: tuple[Secret | str, ...]) -> tuple[Form, list[Key]]:
    its = _form(form)
    if not 1 <= len(secrets) <= MOST_SECRETS:
        raise ValueError(f"1 to {MOST_SECRETS} secrets are needed")
    return its, [its.key(Secret(each) if isinstance(each, str) else each) for each in secrets]
