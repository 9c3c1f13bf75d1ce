"""The composition root: the only file that names the store, the methods and what they need together."""

import os
import secrets
import time
from collections.abc import Hashable, Mapping
from typing import Any, Final

from doorward.admin.taking_back import taking_back
from doorward.core.cookie_name import access_cookie
from doorward.core.event import Change, Topic
from doorward.core.gate import Gate, GateOptions
from doorward.core.method import Method
from doorward.core.remembered import Remembered
from doorward.core.revoked import Revoked
from doorward.core.store import Unavailable
from doorward.crypto.digest import sha256
from doorward.crypto.dpop_nonce import DpopNonces
from doorward.crypto.dpop_proof import ALGS
from doorward.crypto.hashing_pool import HashingPool
from doorward.crypto.jose import SigningHandle, sign_jwt
from doorward.crypto.keyring import Keyring
from doorward.crypto.password import OWASP_2025
from doorward.crypto.token_csrf import TokenCsrf
from doorward.installation import Installation
from doorward.ledger.dpop_key import DpopKeys
from doorward.ledger.mint import Mint
from doorward.ledger.refusals import Refusals, drop_old_rings
from doorward.ledger.signing_keys import SigningKeys
from doorward.ledger.usage import Usage
from doorward.methods.access_token import AccessToken
from doorward.methods.api_key import ApiKey
from doorward.methods.basic import Basic
from doorward.methods.dpop import Dpop
from doorward.methods.hmac import Hmac
from doorward.methods.http_signature import HttpSignature
from doorward.methods.jwt import Jwt
from doorward.methods.mtls import Mtls
from doorward.methods.password_check import PasswordCheck
from doorward.methods.session import Session
from doorward.methods.webhook import Webhook
from doorward.options import Options
from doorward.pki.published import Published
from doorward.settings import SettingsError
from doorward.stores.watch import Watch
from doorward.trusted_issuers import TrustedIssuers, fetcher
from doorward.web.answer import Answerer
from doorward.web.client_cert import Certificates
from doorward.web.metrics import Metrics
from doorward.web.outcome import Outcome
from doorward.web.proxy import Proxies
from doorward.web.trust_files import TrustError, TrustFiles, Watched

VERSION_SECONDS: Final = 0.002
"""For so long is the store's version taken as read: what was committed since is refused that much later."""


def shared_kid(audience: str) -> str:
    return f"shared-{sha256(audience.encode()).hex()[:12]}"


class Parts:
    """What a worker is made of. One for each event loop."""

    def __init__(self, home: Installation, options: Options) -> None:
        """Raises SettingsError, DataDirError."""
        self.home, self.options, self.store = home, options, home.store
        self.worker = secrets.token_hex(8)
        self.keyring, self.revoked = Keyring(), Revoked()
        self.loads, self.keys_changed = 0, False
        self._version: Hashable | None = None
        self._version_until = 0.0
        self._watch_and_count()
        self._reach_out()
        self._issue_and_revoke()
        self._prove()
        self._decide()

    def _watch_and_count(self) -> None:
        home, store = self.home, self.store
        self.usage = Usage()
        drop_old_rings(home.data.path)
        self.refusals = Refusals(home.data.path / f"refusals-{os.getpid()}.jsonl")
        self.ca = Published(store, home.sealer, home.clock)
        self.watch = Watch(store.changes, on_change=(self.revoked.apply, self._on_change, self.ca.on_change))
        gauges = {
            "doorward_changes_seen": ("The last announced change that this worker knows.", lambda: float(self.watch.seen)),
            "doorward_uses_dropped": ("Uses that were not counted since too many gathered.", lambda: float(self.usage.dropped)),
        }
        self.metrics = Metrics(gauges, home.data.path / "metrics")

    def _reach_out(self) -> None:
        settings, base = self.home.settings, self.home.data.path
        self.fetcher = fetcher(self.options.fetch, settings, base)
        self.issuers = TrustedIssuers(self.options.issuers, fetcher(self.options.fetch, settings, base), base, self._on_issuer)

    def _issue_and_revoke(self) -> None:
        home, store = self.home, self.store
        self.signing = SigningKeys(store, home.sealer, home.entropy, self.options.signing)
        self.mint = Mint(
            store=store,
            keyring=self.keyring,
            peppers=home.peppers,
            clock=home.clock,
            entropy=home.entropy,
            issuer=self.options.server.issuer,
            options=self.options.tokens,
        )
        self._shared: dict[str, tuple[bytes, SigningHandle]] = {}
        self.adopt_shared_keys()
        self.revoke = taking_back(store)

    def _prove(self) -> None:
        """What the methods are made of, where a door asks for it too; then the methods."""
        home, options, store = self.home, self.options, self.store
        self.pool = HashingPool(options.hashing.threads or None, options.hashing.queue)
        self.passwords = PasswordCheck(
            credentials=store.credentials,
            accounts=store.accounts,
            pool=self.pool,
            params=OWASP_2025,
            meter=store.meter,
            failures=options.limits.failures,
            clock=home.clock,
            entropy=home.entropy,
            write=store.write,
            options=options.basic,
        )
        self.session = Session(
            credentials=store.credentials,
            accounts=store.accounts,
            clock=home.clock,
            write=store.write,
            options=options.session,
            plain=options.server.on_loopback_http,
        )
        self.csrf = TokenCsrf(home.peppers)
        self.jwt = self._jwt()
        self.access = AccessToken(
            credentials=store.credentials,
            peppers=home.peppers,
            revoked=self.revoked,
            clock=home.clock,
            issuer=options.server.issuer,
            fresh=self.watch_is_healthy,
        )
        self.dpop = Dpop(nonces=DpopNonces(home.peppers, home.clock, options.dpop.nonce_life), clock=home.clock, options=options.dpop)
        self.dpop_keys = DpopKeys(dpop=self.dpop, once=store.once, clock=home.clock, issuer=options.server.issuer)
        self.trust = self._trust()
        self.mtls = Mtls(
            trust=self.trust.trust,
            credentials=store.credentials,
            accounts=store.accounts,
            clock=home.clock,
            allow_cn=options.mtls.allow_cn,
        )
        self.methods = self._methods()

    def _decide(self) -> None:
        options, store = self.options, self.store
        self.proxies = Proxies(options.server.trusted_proxies, Certificates(options.certificates))
        limits = GateOptions(
            insecure_http=options.server.insecure_http,
            address=options.limits.address,
            principal=options.limits.principal,
            failures=options.limits.failures,
        )
        self.gate = Gate(
            self.methods,
            options.routes,
            store.once,
            store.meter,
            self.home.clock,
            limits,
            (self.usage, self.refusals),
            Remembered(self.methods, self.version, self.home.entropy(32)),
            self.dpop,
        )
        self.answerer = Answerer(self.gate.methods, dpop=ALGS)

    def adopt_shared_keys(self) -> None:
        """Who shares a key with us verifies with HS256, and proves nothing to anybody else. Raises DataDirError."""
        keys = self.home.data.shared_keys()
        for audience in [each for each, (key, _) in self._shared.items() if keys.get(each) != key]:
            self.keyring.unshare(shared_kid(audience))
            del self._shared[audience]
        for audience in keys.keys() - self._shared.keys():
            self._shared[audience] = keys[audience], self.keyring.share(audience, shared_kid(audience), keys[audience])
        self.mint.share({audience: handle for audience, (_, handle) in self._shared.items()})
        self.loads += 1  # a proof by a key that is gone is not remembered

    def _methods(self) -> tuple[Method[Any], ...]:
        home, options, store = self.home, self.options, self.store
        credentials, accounts, clock = store.credentials, store.accounts, home.clock
        return (
            self.access,
            ApiKey(credentials=credentials, peppers=home.peppers, clock=clock, pool=self.pool, write=store.write, options=options.api_key),
            Basic(credentials=credentials, accounts=accounts, peppers=home.peppers, passwords=self.passwords, clock=clock),
            self.jwt,
            Hmac(credentials=credentials, sealer=home.sealer, clock=clock, options=options.hmac),
            HttpSignature(credentials=credentials, sealer=home.sealer, clock=clock, options=options.http_signature),
            self.mtls,
            self.session,
            Webhook(credentials=credentials, sealer=home.sealer, clock=clock, options=options.webhook),
        )

    def _jwt(self) -> Jwt:
        home, options = self.home, self.options
        return Jwt(
            keyring=self.keyring,
            revoked=self.revoked,
            clock=home.clock,
            issuer=options.server.issuer,
            fresh=self.watch_is_healthy,
            options=options.jwt,
            cookie=access_cookie(options.session.cookie),
            csrf=self.csrf.of,
            plain=options.server.on_loopback_http,
            trusted=self.issuers.all,
        )

    def _on_issuer(self) -> None:
        """A key of another issuer came or went: what it has proven is not remembered."""
        self.loads += 1
        self.jwt.forget_withdrawn()

    def _trust(self) -> Watched:
        """Raises SettingsError: a file that cannot be read refuses to start."""
        options = self.options.mtls
        try:
            return Watched(TrustFiles.of(self.home.data.path, options), options.speakers)
        except TrustError as reason:
            raise SettingsError(f"{self.home.settings.where('mtls')}: {reason}") from None

    def adopt_trust(self) -> None:
        """Other CAs or revocation lists were read: nothing that was proven by the old ones is remembered."""
        self.mtls.trust = self.trust.trust
        self.loads += 1

    def version(self) -> Hashable | None:
        """What a proof rests on: the store, what this worker was told of it, and the keys that it has loaded."""
        now = time.monotonic()
        if now >= self._version_until:  # asking SQLite takes two locks: requests that come together ask once
            self._version_until = now + VERSION_SECONDS
            try:
                self._version = self.store.credentials.version() if self.watch.healthy else None
            except Unavailable:
                self._version = None
        return None if self._version is None else (self._version, self.watch.seen, self.loads)

    def look_again(self) -> None:
        """The version is asked of the store when it is next wanted."""
        self._version_until = 0.0

    def observe(self, outcome: Outcome) -> None:
        """What became of a request: for the figures, and for `explain` where no case was opened."""
        self.metrics(outcome)
        if outcome.case is None and outcome.refused is not None:
            self.refusals.early(outcome.request_id, outcome.refused, outcome.at)

    def watch_is_healthy(self) -> bool:
        return self.watch.healthy

    def _on_change(self, change: Change) -> None:
        if change.topic is Topic.SIGNING_KEYS:
            self.keys_changed = True

    def sign(self, claims: Mapping[str, object], typ: str) -> str:
        """A JWT under the key that is active now. Raises Unavailable."""
        return sign_jwt(claims, self.keyring.active(self.home.clock()), typ)

    async def load_keys(self) -> None:
        """From the store into the keyring. A worker loads before it is ready, and again when a change says so."""
        self.keys_changed = False
        self.keyring.load(await self.signing.all(), self.home.sealer, self.home.clock())
        self.loads += 1
        self.jwt.forget_withdrawn()
