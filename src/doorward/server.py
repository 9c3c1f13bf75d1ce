"""`doorward serve`'s application: every door of the server over one Doorward. A factory, since each worker makes its own."""

from urllib.parse import urlsplit

from doorward.app import Doorward
from doorward.assembly import Parts
from doorward.core.store import Unavailable
from doorward.ledger.rotate import Rotate
from doorward.login.password import PasswordSignIn
from doorward.login.session import Sessions
from doorward.oauth.client_assertion import AssertionCheck
from doorward.oauth.client_auth import ClientAuth, ClientStore
from doorward.oauth.client_certificate import CertificateCheck
from doorward.oauth.client_key_source import KeySource
from doorward.oauth.endpoints import ENDPOINTS
from doorward.oauth.endpoints.metadata import JWKS, metadata, mounts, well_known_paths
from doorward.oauth.last_change import LastChange
from doorward.oauth.parts import OAuthParts
from doorward.oauth.read_token import ReadToken, Trust
from doorward.web.asgi import Answer, App, Receive, Scope, Send, at_once
from doorward.web.auth import AuthDoor
from doorward.web.auth_answers import AuthParts
from doorward.web.ca import PATHS, CaDoor
from doorward.web.document import Document
from doorward.web.doors import Doors, Lifespan
from doorward.web.forward_auth import MOUNT, ForwardAuth
from doorward.web.health import Check, Health, holds, store_answers
from doorward.web.identity import IdentityTokens
from doorward.web.jwks import Jwks
from doorward.web.oauth import OAuthDoor


class Server:
    """The doors are made when doorward has started: their parts belong to an event loop."""

    def __init__(self, door: Doorward) -> None:
        self._door = door
        self._made: tuple[Parts, Doors] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._made is None:
            parts = await self._door.start()
            self._made = (parts, make_doors(parts))
        await self._made[1](scope, receive, send)

    def at_once(self, scope: Scope) -> Answer | App:
        return self if self._made is None else at_once(self._made[1], scope)

    async def start(self) -> None:
        parts = await self._door.start()
        self._made = (parts, make_doors(parts))

    async def stop(self) -> None:
        self._made = None
        await self._door.close()


def make_doors(parts: Parts) -> Doors:
    home, server, clock = parts.home, parts.options.server, parts.home.clock
    answerer, proxies = parts.answerer, parts.proxies
    identity = IdentityTokens(issuer=server.issuer, sign=parts.sign, clock=clock, options=parts.options.identity)
    parts.watch.tell(identity.forget)
    verify = ForwardAuth(
        gate=parts.gate,
        answerer=answerer,
        proxies=proxies,
        clock=clock,
        identify=identity,
        style=server.style,
        entropy=home.entropy,
        observe=parts.observe,
    )
    auth = AuthDoor(_auth_parts(parts), answerer=answerer, proxies=proxies, entropy=home.entropy)
    health = Health(_checks(parts), parts.metrics, parts.options.health)
    ca = CaDoor(parts.ca, clock)
    exact: dict[str, App] = {
        MOUNT: verify,
        **dict.fromkeys((*PATHS, *(urlsplit(server.issuer).path.rstrip("/") + path for path in PATHS)), ca),
        "/healthz": health,
        "/readyz": health,
        "/metrics": health,
        **_oauth_doors(parts),
    }
    return Doors(exact, {f"{MOUNT}/": verify, "/auth/": auth})


def _oauth_doors(parts: Parts) -> dict[str, App]:
    """At their own paths, and below the issuer's if it has one."""
    home, issuer = parts.home, parts.options.server.issuer
    oauth = _oauth_parts(parts)
    endpoints = {place: endpoint for path, endpoint in ENDPOINTS.items() for place in mounts(issuer, path)}
    door = OAuthDoor(oauth, endpoints, proxies=parts.proxies, observers=(parts.usage, parts.refusals), entropy=home.entropy)
    jwks, told = Jwks(parts.keyring, home.clock), Document(metadata(oauth))
    return {
        **dict.fromkeys(endpoints, door),
        **dict.fromkeys(mounts(issuer, JWKS), jwks),
        **dict.fromkeys(well_known_paths(issuer), told),
    }


def _oauth_parts(parts: Parts) -> OAuthParts:
    home, issuer = parts.home, parts.options.server.issuer
    trust = Trust(
        keyring=parts.keyring,
        revoked=parts.revoked,
        clock=home.clock,
        issuer=issuer,
        fresh=parts.watch_is_healthy,
        version=parts.version,
    )
    return OAuthParts(
        gate=parts.gate,
        store=parts.store,
        clients=_client_auth(parts),
        mint=parts.mint,
        tokens=ReadToken(parts.access, trust),
        revoke=parts.revoke,
        peppers=home.peppers,
        clock=home.clock,
        issuer=issuer,
        last_change=LastChange(parts.store.changes, parts.version, parts.look_again),
        count_issued=parts.usage.issued,
        catch_up=parts.watch.catch_up,
        dpop=parts.dpop_keys,
        options=parts.options.oauth,
    )


def _client_auth(parts: Parts) -> ClientAuth:
    home, store, issuer = parts.home, parts.store, parts.options.server.issuer
    known = ClientStore(
        accounts=store.accounts, credentials=store.credentials, peppers=home.peppers, clock=home.clock, version=parts.version
    )
    keys = KeySource(parts.fetcher.get, home.clock)
    base = issuer.rstrip("/")
    names = frozenset((issuer, base, *(base + path for path in ENDPOINTS)))
    assertions = AssertionCheck(keys=keys, once=store.once, clock=home.clock, audiences=names)
    certificates = CertificateCheck(keys=keys, credentials=store.credentials, clock=home.clock, trust=lambda: parts.mtls.trust)
    return ClientAuth(known, home.entropy(32), assertions, certificates)


def _auth_parts(parts: Parts) -> AuthParts:
    home, options = parts.home, parts.options
    return AuthParts(
        gate=parts.gate,
        passwords=PasswordSignIn(parts.passwords, home.clock),
        mint=parts.mint,
        rotate=Rotate(parts.mint, parts.revoke),
        revoke=parts.revoke,
        sessions=Sessions(store=parts.store, revoke=parts.revoke, clock=home.clock, entropy=home.entropy, options=options.session),
        session_options=options.session,
        dpop_keys=parts.dpop_keys,
        csrf=parts.csrf,
        observers=(parts.usage, parts.refusals),
    )


def _checks(parts: Parts) -> dict[str, Check]:
    def can_sign() -> bool:
        try:
            parts.keyring.active(parts.home.clock())
        except Unavailable:
            return False
        return True

    return {
        "store": store_answers(parts.store),
        "watch": holds(parts.watch_is_healthy, "announced changes are not read; see the log"),
        "signing keys": holds(can_sign, "no signing key is active; run: doorward rotate signing-keys --now"),
    }


def app() -> App:
    """For `uvicorn --factory`: the data directory is DOORWARD_DATA."""
    server = Server(Doorward())
    return Lifespan(server, server.start, server.stop)
