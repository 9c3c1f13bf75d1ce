"""What the demo's servers are told in their doorward.toml: a route for each method and combination."""

from typing import Final

ROUTES: Final = """
[server]
issuer = "https://localhost:{port}"

[oauth]
audiences = ["api://pets"]

[fetch]
allow = ["127.0.0.0/8", "::1/128"]
ca_bundle = "{ca}"

[[issuer]]
name = "partner"
issuer = "https://localhost:{partner}"
audience = "api://pets"
rules = [{{ claim = "scope", value = "read:pets", scopes = "read:pets" }}]

[[route]]
path = "/pets/**"
methods = ["GET"]
allow = "{any}"
scopes = ["read:pets"]

[[route]]
path = "/pets/**"
methods = ["POST"]
allow = "{any}"
scopes = ["write:pets"]

[[route]]
path = "/app-and-user"
allow = "api_key and jwt bound by app_and_user"

[[route]]
path = "/same-person"
allow = "basic and jwt bound by same_subject"

[[route]]
path = "/both"
allow = "api_key and hmac bound by independent"

[[route]]
path = "/oauth-only"
allow = "oauth"

[[route]]
path = "/oauth-and-user"
allow = "api_key and oauth bound by app_and_user"

[[route]]
path = "/dpop-only"
allow = "oauth bound by dpop"

[[route]]
path = "/mtls-only"
allow = "mtls"

[[route]]
path = "/mtls-and-key"
allow = "mtls and api_key bound by same_subject"

[[route]]
path = "/mtls-and-jwt"
allow = "mtls and jwt bound by independent"

[[route]]
path = "/mtls-and-oauth"
allow = "mtls and oauth bound by same_key"

{hooks}
[[route]]
path = "/both-hooks"
allow = "api_key and webhook bound by same_subject"
webhook = "stripe"

[[route]]
path = "/limited"
allow = "api_key"
rate = "3/m"

[[route]]
path = "/fresh"
allow = "jwt"
fresh_within = "5m"

[[route]]
path = "/open"
allow = "open_to_anyone"
"""
ANY: Final = "api_key or basic or jwt or access_token or session or hmac or http_signature"
HOOK: Final = """[[route]]
path = "/hooks/{form}"
allow = "webhook"
webhook = "{form}"
"""
PARTNER: Final = """
[server]
issuer = "https://localhost:{port}"

[oauth]
audiences = ["api://pets"]
"""
