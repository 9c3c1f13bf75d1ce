"""Webhooks of a registered sender: the body is signed with a secret that both sides know.

On the wire  the four forms of `crypto.webhook_forms`: Standard Webhooks, GitHub, Stripe, Slack
In the store lookup = the sender's name, as the route's `webhook` says it; data["form"]; verifier = the live secrets, sealed
Refused      MALFORMED, SHOWN_TWICE, BODY_NOT_SIGNED (the door does not see the body), BAD_WEBHOOK (no such sender, another
             form, another signature), STALE; of genuine ones EXPIRED (a secret that was replaced), REVOKED, WRONG_ADDRESS,
             WRONG_METHOD; REPLAYED at the gate
Replays      the signed text is spent, not the message's id: a sender's retry bears a new time and passes. GitHub signs no
             time, so there a text is remembered for `untimed` (docs/adr/0017)
"""

from dataclasses import dataclass, field
from typing import Final

from doorward.core.clock import Clock
from doorward.core.credential import Credential
from doorward.core.errors import Refused, Why
from doorward.core.proof import OneUse, Proof
from doorward.core.request import Request
from doorward.core.route import Route
from doorward.core.store import Credentials, Unavailable
from doorward.crypto.seal import SealBroken, Sealer
from doorward.crypto.webhook_form import TOLERANCE, Claimed, Key, matching, replay_mark, text_of, told
from doorward.crypto.webhook_forms import FIELDS, FORMS, read_any
from doorward.crypto.webhook_secrets import Live, seal, unseal

FORM: Final = "form"
"""Where in `Credential.data` the form stands."""
ID: Final = "webhook_id"
"""A claim of the proof: the message's id as its sender says it, for telling his repeats apart."""
_UNSEALED_AT_MOST: Final = 256
_DAY: Final = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookOptions:
    """`window` in seconds: how far a timestamp may be off, either way. `untimed`: for how long a text of a form without a
    timestamp (GitHub's) is refused again."""

    window: float = TOLERANCE
    untimed: float = _DAY

    def __post_init__(self) -> None:
        """Raises ValueError with the mend."""
        if not 1 <= self.window <= 3600:
            raise ValueError("window: 1s to 1h; clocks differ by seconds, and whatever was signed is remembered so long")
        if not 60 <= self.untimed <= 30 * _DAY:
            raise ValueError("untimed: 1m to 30d; for so long is a delivery without a timestamp remembered")


@dataclass(frozen=True, slots=True)
class ShownWebhook:
    claimed: Claimed
    sender: str
    request: Request = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Opened:
    keys: tuple[Key, ...] = field(repr=False)
    ends: tuple[Live, ...]


class Webhook:
    name: Final = "webhook"
    challenge: Final = None
    ambient: Final = False
    guessable: Final = False
    fields: Final = FIELDS
    repeatable: Final = False

    def __init__(self, *, credentials: Credentials, sealer: Sealer, clock: Clock, options: WebhookOptions | None = None) -> None:
        self._credentials, self._sealer, self._clock = credentials, sealer, clock
        self._options = options or WebhookOptions()
        self._opened: dict[tuple[bytes, str], _Opened] = {}
        self._no_sender = {
            form.name: Credential(
                id="none",
                method=self.name,
                lookup="none",
                verifier=seal([Live(form.new_secret(bytes), None)], sealer, "none"),
                key_id=sealer.current,
                owner="",
                created_at=0.0,
            )
            for form in FORMS.values()
        }

    def find(self, request: Request, route: Route) -> ShownWebhook | None:
        claimed = read_any(request.headers)
        return None if claimed is None else ShownWebhook(claimed, route.webhook, request)

    async def prove(self, shown: ShownWebhook) -> Proof:
        request, claimed, form = shown.request, shown.claimed, FORMS[shown.claimed.form]
        if request.body is None:
            raise Refused(Why.BODY_NOT_SIGNED, "Here the body is not seen, and a webhook signs it: ask for it in the application itself.")
        body = await request.body()
        text = text_of(form, claimed, body)
        credential = await self._credentials.find(self.name, shown.sender)
        fits = credential is not None and credential.data.get(FORM) == claimed.form
        # Without a sender, or with one of another form, as much is unsealed and compared.
        opened = self._keys(credential if credential is not None and fits else self._no_sender[claimed.form], claimed.form)
        found = matching(opened.keys, claimed, text)
        now, signed_at = self._clock(), claimed.timestamp
        off = self._off(signed_at, now)
        if credential is None or not fits or found is None:
            raise Refused(Why.BAD_WEBHOOK, note=_note(shown, credential), facts={**told(form, claimed, body), **off})
        if off:
            raise Refused(Why.STALE, f"The timestamp is {abs(off['clock_skew']):.0f} seconds off this server's clock.", facts=off)
        credential.check_live(now)
        if opened.ends[found].ended(now):
            raise Refused(Why.EXPIRED, note="signed with a secret that was replaced")
        credential.limits.check(request.method, request.address, request.header(b"origin"))
        # One second more than the window: at its very end the signature is still accepted, and still only once.
        until = signed_at + self._options.window + 1 if signed_at is not None else now + self._options.untimed
        return Proof(
            method=self.name,
            subject=credential.owner,
            credential_id=credential.id,
            owner_kind=credential.owner_kind,
            scopes=credential.scopes,
            claims={ID: claimed.id} if claimed.id else {},
            rate=credential.limits.rate,
            authenticated_at=now,
            expires_at=credential.expires_at,
            once=OneUse(replay_mark(form.name, shown.sender, text), until, signed_at if signed_at is not None else now),
        )

    def _off(self, signed_at: int | None, now: float) -> dict[str, float]:
        """How far the timestamp is off, where that is too far."""
        too_far = signed_at is not None and abs(now - signed_at) > self._options.window
        return {"clock_skew": (signed_at or 0) - now, "window": self._options.window} if too_far else {}

    def _keys(self, credential: Credential, form: str) -> _Opened:
        known = self._opened.get((credential.verifier, form))
        if known is not None:
            return known
        try:
            live = unseal(credential.verifier, credential.key_id, self._sealer, credential.id)
            opened = _Opened(tuple(FORMS[form].key(each.secret) for each in live), live)
        except (SealBroken, ValueError) as reason:
            raise Unavailable(str(reason)) from None
        if len(self._opened) >= _UNSEALED_AT_MOST:
            self._opened.pop(next(iter(self._opened)))
        self._opened[(credential.verifier, form)] = opened
        return opened


def _note(shown: ShownWebhook, credential: Credential | None) -> str:
    if credential is None:
        return f"no sender {shown.sender!r} is registered; see doorward webhook add"
    its = credential.data.get(FORM, "")
    return "another signature" if its == shown.claimed.form else f"a signature of the form {shown.claimed.form}; the sender's is {its}"
