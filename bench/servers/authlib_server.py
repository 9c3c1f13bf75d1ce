"""Authlib's authorization server on Flask, its tokens in SQLite: `gunicorn bench.servers.authlib_server:app`.

CLIENT, SECRET and DATABASE (a file) come from the environment. Tokens are opaque, as they are there unless one writes a
generator; they are kept by plain statements, which are faster than the ORM of its documentation's example.
"""

import json
import os
import sqlite3
import threading
import time
import warnings
from typing import Any

import authlib.deprecate  # noqa: F401 - it sets its own warnings to "always"; ours below come after
from flask import Flask

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from authlib.integrations.flask_oauth2 import AuthorizationServer
    from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants
    from authlib.oauth2.rfc7662 import IntrospectionEndpoint


class Client(ClientMixin):
    def get_client_id(self) -> str:
        return os.environ["CLIENT"]

    def get_default_redirect_uri(self) -> str:
        return ""

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(word for word in (scope or "").split() if word in ("read:pets", "write:pets"))

    def check_redirect_uri(self, uri: str) -> bool:
        return False

    def check_client_secret(self, secret: str) -> bool:
        return secret == os.environ["SECRET"]

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, kind: str) -> bool:
        return False

    def check_grant_type(self, kind: str) -> bool:
        return kind == "client_credentials"


class Token(TokenMixin):
    def __init__(self, told: dict[str, Any], made: float) -> None:
        self.told, self.made = told, made

    def check_client(self, client: Client) -> bool:
        return True

    def get_scope(self) -> str:
        return str(self.told.get("scope", ""))

    def get_expires_in(self) -> int:
        return int(self.told["expires_in"])

    def is_expired(self) -> bool:
        return time.time() > self.made + self.get_expires_in()

    def is_revoked(self) -> bool:
        return False


CLIENT = Client()
_local = threading.local()


def database() -> sqlite3.Connection:
    """One connection a thread, kept."""
    found: sqlite3.Connection | None = getattr(_local, "database", None)
    if found is None:
        found = _local.database = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
        found.execute("PRAGMA journal_mode = WAL")
        found.execute("CREATE TABLE IF NOT EXISTS tokens (token TEXT PRIMARY KEY, made REAL, told TEXT)")
    return found


class Introspection(IntrospectionEndpoint):
    def query_token(self, token: str, hint: str | None) -> Token | None:
        row = database().execute("SELECT told, made FROM tokens WHERE token = ?", (token,)).fetchone()
        return Token(json.loads(row[0]), row[1]) if row is not None else None

    def check_permission(self, token: Token, client: Client, request: object) -> bool:
        return True

    def introspect_token(self, token: Token) -> dict[str, Any]:
        name = os.environ["CLIENT"]
        times = {"iat": int(token.made), "exp": int(token.made) + token.get_expires_in()}
        return {"active": True, "client_id": name, "sub": name, "scope": token.get_scope(), "token_type": "Bearer", **times}


def save(token: dict[str, Any], request: object) -> None:
    database().execute("INSERT INTO tokens VALUES (?, ?, ?)", (token["access_token"], time.time(), json.dumps(token)))


app = Flask(__name__)
app.config["OAUTH2_SCOPES_SUPPORTED"] = ["read:pets", "write:pets"]
server = AuthorizationServer(app, query_client=lambda name: CLIENT if name == os.environ["CLIENT"] else None, save_token=save)
server.register_grant(grants.ClientCredentialsGrant)
server.register_endpoint(Introspection)


@app.post("/token")
def token() -> Any:
    return server.create_token_response()


@app.post("/introspect")
def introspect() -> Any:
    return server.create_endpoint_response(Introspection.ENDPOINT_NAME)


@app.get("/ready")
def ready() -> str:
    return "ready"
