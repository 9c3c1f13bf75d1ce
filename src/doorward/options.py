"""Every part's own options, read together. A part declares its own beside itself; here they only meet."""

from dataclasses import dataclass
from typing import Final

from doorward.admin.keys import KeyOptions
from doorward.core.route import Routes
from doorward.issuers_file import IssuerPlan, read_issuers
from doorward.ledger.mint import TokenOptions
from doorward.ledger.signing_keys import SigningOptions
from doorward.methods import ALL
from doorward.methods.api_key import ApiKeyOptions
from doorward.methods.dpop import DpopOptions
from doorward.methods.hmac import HmacOptions
from doorward.methods.http_signature import HttpSignatureOptions
from doorward.methods.jwt import JwtOptions
from doorward.methods.mtls import MtlsOptions
from doorward.methods.password_check import BasicOptions
from doorward.methods.session import SessionOptions
from doorward.methods.webhook import WebhookOptions
from doorward.oauth.options import OAuthOptions
from doorward.outbound.fetch import FetchOptions
from doorward.routes_file import read_routes
from doorward.server_options import HashingOptions, LimitOptions, ServerOptions
from doorward.settings import Settings, SettingsError
from doorward.web.client_cert import CertificateOptions
from doorward.web.guard import GuardOptions
from doorward.web.health import HealthOptions
from doorward.web.identity import IdentityOptions

LONGEST_TOKEN: Final = 86400.0
"""`doorward token issue` gives no longer one."""
INSTALLED: Final = frozenset(method.name for method in ALL)


@dataclass(frozen=True, slots=True)
class Options:
    """Every part's own options, read and checked together."""

    server: ServerOptions
    limits: LimitOptions
    hashing: HashingOptions
    keys: KeyOptions
    api_key: ApiKeyOptions
    basic: BasicOptions
    hmac: HmacOptions
    http_signature: HttpSignatureOptions
    jwt: JwtOptions
    mtls: MtlsOptions
    certificates: CertificateOptions
    dpop: DpopOptions
    fetch: FetchOptions
    session: SessionOptions
    webhook: WebhookOptions
    signing: SigningOptions
    identity: IdentityOptions
    tokens: TokenOptions
    oauth: OAuthOptions
    health: HealthOptions
    guard: GuardOptions
    routes: Routes
    issuers: tuple[IssuerPlan, ...]

    @classmethod
    def read(cls, settings: Settings) -> "Options":
        """Raises SettingsError: anything not understood refuses to start."""
        options = cls(
            server=settings.options("server", ServerOptions),
            limits=settings.options("limits", LimitOptions),
            hashing=settings.options("hashing", HashingOptions),
            keys=settings.options("keys", KeyOptions),
            api_key=settings.options("api_key", ApiKeyOptions),
            basic=settings.options("basic", BasicOptions),
            hmac=settings.options("hmac", HmacOptions),
            http_signature=settings.options("http_signature", HttpSignatureOptions),
            jwt=settings.options("jwt", JwtOptions),
            dpop=settings.options("dpop", DpopOptions),
            fetch=settings.options("fetch", FetchOptions),
            mtls=settings.options("mtls", MtlsOptions),
            certificates=settings.options("mtls", CertificateOptions),
            session=settings.options("session", SessionOptions),
            webhook=settings.options("webhook", WebhookOptions),
            signing=settings.options("signing", SigningOptions),
            identity=settings.options("identity", IdentityOptions),
            tokens=settings.options("oauth", TokenOptions),
            oauth=settings.options("oauth", OAuthOptions),
            health=settings.options("health", HealthOptions),
            guard=settings.options("server", GuardOptions),
            routes=read_routes(settings, INSTALLED),
            issuers=read_issuers(settings, settings.options("server", ServerOptions).issuer),
        )
        settings.check()
        if options.signing.keep < max(options.tokens.access_life, LONGEST_TOKEN):
            places = f"{settings.where('signing', ['keep'])} and {settings.where('oauth', ['access_life'])}"
            raise SettingsError(
                f"{places}: [signing] keep must be at least [oauth] access_life, and at least 1d for `doorward token issue`: "
                "a retired key verifies what it signed"
            )
        return options
