"""Why a request was refused (private, exact) and what the caller may hear of it (public, few)."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Code(Enum):
    """The public answers: the stable `code` of the problem document."""

    MISSING_CREDENTIAL = "missing_credential"
    INVALID_CREDENTIAL = "invalid_credential"
    EXPIRED_CREDENTIAL = "expired_credential"
    REVOKED_CREDENTIAL = "revoked_credential"
    STALE_REQUEST = "stale_request"
    REPLAYED_REQUEST = "replayed_request"
    INSUFFICIENT_AUTHENTICATION = "insufficient_authentication"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    CSRF = "csrf"
    NO_ROUTE = "no_route"
    BAD_REQUEST = "bad_request"
    BODY_TOO_LARGE = "body_too_large"
    REQUEST_TIMEOUT = "request_timeout"
    HEADER_TOO_LARGE = "header_too_large"
    UNTRUSTED_PROXY = "untrusted_proxy"
    TLS_REQUIRED = "tls_required"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"


class Why(Enum):
    """The private reasons: for the log, the counters and `explain`; a closed list."""

    MISSING = "no credential that this route accepts was sent"
    SHOWN_TWICE = "a credential was sent twice, or in two places at once"
    TWO_ALTERNATIVES = "credentials for two alternatives of one `or` were sent"
    MALFORMED = "the credential is not of its form"
    UNKNOWN = "no such credential, or the wrong secret"
    NOT_YET = "the credential is not valid yet"
    EXPIRED = "the credential has expired"
    REVOKED = "the credential was revoked"
    WRONG_ENV = "a key of another environment"
    WRONG_ADDRESS = "the credential may not be used from this address"
    WRONG_ORIGIN = "the key may not be used from this origin"
    WRONG_METHOD = "the key may not be used with this HTTP method"
    WRONG_ISSUER = "the token's issuer is not trusted"
    WRONG_AUDIENCE = "the token is for another audience"
    WRONG_TYPE = "the token is of another type"
    WRONG_SIGNATURE = "the signature does not verify"
    NOT_COVERED = "the signature does not cover what the route asks for"
    BODY_NOT_SIGNED = "the request has a body that its signature does not cover"
    NOT_BOUND = "the credentials sent together do not belong together"
    NO_PROOF_OF_KEY = "the token is bound to a key that the request does not prove"
    BAD_DPOP = "the DPoP proof is not valid for this request"
    NEEDS_NONCE = "the DPoP proof lacks a nonce of this server"
    BAD_CERTIFICATE = "the client certificate is not one that is trusted here"
    BAD_WEBHOOK = "the webhook's signature does not verify"
    STALE = "the request was signed outside the time window"
    REPLAYED = "the signed request was seen before"
    SIGNED_BEFORE_RESTART = "the signature is older than this machine's start; sign anew"
    NOT_FRESH = "the sign-in is older than the route allows"
    LACKS_SCOPE = "a scope that the route asks for is missing"
    LACKS_ROLE = "a role that the route asks for is missing"
    CROSS_SITE = "an unsafe request with a cookie lacks the CSRF token or a same-origin mark"
    NO_ROUTE = "no route matches this path"
    BAD_PATH = "the path is ambiguous"
    BAD_REQUEST = "the request is not understood"
    BODY_TOO_LARGE = "the body is larger than allowed"
    BODY_TOO_SLOW = "the body did not arrive in time"
    HEADER_TOO_LARGE = "a header field is larger than allowed"
    UNTRUSTED_PROXY = "the peer is not a listed proxy"
    NOT_TLS = "plain HTTP from another machine"
    RATE_LIMITED = "the rate limit is used up"
    TOO_MANY_FAILURES = "too many failed tries"
    BUSY = "too much of this work is waiting already"
    UNAVAILABLE = "a part that must answer does not"


ANSWER: Final[dict[Why, Code]] = {
    Why.MISSING: Code.MISSING_CREDENTIAL,
    Why.SHOWN_TWICE: Code.INVALID_CREDENTIAL,
    Why.TWO_ALTERNATIVES: Code.INVALID_CREDENTIAL,
    Why.MALFORMED: Code.INVALID_CREDENTIAL,
    Why.UNKNOWN: Code.INVALID_CREDENTIAL,
    Why.NOT_YET: Code.INVALID_CREDENTIAL,
    Why.EXPIRED: Code.EXPIRED_CREDENTIAL,
    Why.REVOKED: Code.REVOKED_CREDENTIAL,
    Why.WRONG_ENV: Code.INVALID_CREDENTIAL,
    Why.WRONG_ADDRESS: Code.INVALID_CREDENTIAL,
    Why.WRONG_ORIGIN: Code.INVALID_CREDENTIAL,
    Why.WRONG_METHOD: Code.INSUFFICIENT_SCOPE,
    Why.WRONG_ISSUER: Code.INVALID_CREDENTIAL,
    Why.WRONG_AUDIENCE: Code.INVALID_CREDENTIAL,
    Why.WRONG_TYPE: Code.INVALID_CREDENTIAL,
    Why.WRONG_SIGNATURE: Code.INVALID_CREDENTIAL,
    Why.NOT_COVERED: Code.INVALID_CREDENTIAL,
    Why.BODY_NOT_SIGNED: Code.INVALID_CREDENTIAL,
    Why.NOT_BOUND: Code.INVALID_CREDENTIAL,
    Why.NO_PROOF_OF_KEY: Code.INVALID_CREDENTIAL,
    Why.BAD_DPOP: Code.INVALID_CREDENTIAL,
    Why.NEEDS_NONCE: Code.INVALID_CREDENTIAL,
    Why.BAD_CERTIFICATE: Code.INVALID_CREDENTIAL,
    Why.BAD_WEBHOOK: Code.INVALID_CREDENTIAL,
    Why.STALE: Code.STALE_REQUEST,
    Why.REPLAYED: Code.REPLAYED_REQUEST,
    Why.SIGNED_BEFORE_RESTART: Code.STALE_REQUEST,
    Why.NOT_FRESH: Code.INSUFFICIENT_AUTHENTICATION,
    Why.LACKS_SCOPE: Code.INSUFFICIENT_SCOPE,
    Why.LACKS_ROLE: Code.INSUFFICIENT_SCOPE,
    Why.CROSS_SITE: Code.CSRF,
    Why.NO_ROUTE: Code.NO_ROUTE,
    Why.BAD_PATH: Code.BAD_REQUEST,
    Why.BAD_REQUEST: Code.BAD_REQUEST,
    Why.BODY_TOO_LARGE: Code.BODY_TOO_LARGE,
    Why.BODY_TOO_SLOW: Code.REQUEST_TIMEOUT,
    Why.HEADER_TOO_LARGE: Code.HEADER_TOO_LARGE,
    Why.UNTRUSTED_PROXY: Code.UNTRUSTED_PROXY,
    Why.NOT_TLS: Code.TLS_REQUIRED,
    Why.RATE_LIMITED: Code.RATE_LIMITED,
    Why.TOO_MANY_FAILURES: Code.RATE_LIMITED,
    Why.BUSY: Code.UNAVAILABLE,
    Why.UNAVAILABLE: Code.UNAVAILABLE,
}


class Refused(Exception):
    """The one way in which a check fails.

    `detail` is a public sentence that says what to do; it may never hold what the caller sent as a secret.
    `note` is private, for the log and `explain`. `retry_after` is in seconds.
    `fields`: header fields that go with the answer. `facts`: private too, for `explain`, by name: `clock_skew` in seconds, the
    `signing_text` that was expected, … with what may be secret taken out.
    """

    def __init__(
        self,
        why: Why,
        detail: str | None = None,
        *,
        note: str | None = None,
        retry_after: float | None = None,
        fields: tuple[tuple[bytes, bytes], ...] = (),
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(why.name)
        self.why = why
        self.detail = detail
        self.note = note
        self.retry_after = retry_after
        self.fields = fields
        self.facts = facts or {}

    @property
    def code(self) -> Code:
        return ANSWER[self.why]
