"""doorward token issue|decode|verify|revoke|shared-key: the token is read from standard input (-) or a file, never from an argument."""

import base64
import json
import os
import time

import click

from doorward.admin import tokens
from doorward.admin.actor import LOCAL
from doorward.assembly import Parts, shared_kid
from doorward.cli.frame import Failed, data_dir, data_option, json_option, read_secret, run, tell
from doorward.cli.show import when
from doorward.cli.words import SPAN, at_home
from doorward.core.errors import Refused
from doorward.core.proof import Proof
from doorward.core.request import Headers, Request
from doorward.core.route import Route
from doorward.core.secret import Secret
from doorward.crypto.jose import parse_jwt
from doorward.data_dir import DataDirError
from doorward.ledger.mint import Issued
from doorward.options import Options

LONGEST = 86400.0


@click.group("token", help="JSON Web Tokens.")
def command() -> None: ...


@command.command("decode", help="What a token says. Nothing is verified.")
@click.argument("source", metavar="-")
@json_option
def decode(source: str, as_json: bool) -> None:
    try:
        token = parse_jwt(read_secret(source, "token").reveal().strip())
    except Refused as reason:
        raise Failed(f"this is no JWT: {reason.note or reason.why.value}", "malformed") from None
    header = {"alg": token.header.alg, "kid": token.header.kid, "typ": token.header.typ}
    ends = token.claims.get("exp")
    note = "NOT VERIFIED: anyone can write this"
    if isinstance(ends, int | float) and ends <= time.time():
        note += f"; expired at {when(float(ends))}"
    text = f"{json.dumps(header, indent=2)}\n{json.dumps(dict(token.claims), indent=2)}\n{note}"
    tell(as_json, {"header": header, "claims": dict(token.claims), "verified": False}, text)


@command.command("verify", help="Would this server take the token now? Exit code 1 if not, with the reason.")
@click.argument("source", metavar="-")
@click.option("--audience", help="Whom it must be for; else the issuer itself.")
@data_option
@json_option
def verify(source: str, audience: str | None, data: str | None, as_json: bool) -> None:
    text = read_secret(source, "token").reveal().strip()

    async def work() -> dict[str, object]:
        async with at_home(data_dir(data)) as home:
            parts = Parts(home, Options.read(home.settings))
            await parts.watch.catch_up()
            await parts.load_keys()
            method = parts.gate.methods["jwt"]
            try:
                headers = Headers([(b"authorization", b"Bearer " + text.encode("latin-1", "replace"))])
                request = Request("GET", "/", "", headers, None, None, None, None, has_body=False)
                shown = method.find(request, Route(path="/", allow=None, audience=audience))
                if shown is None:
                    raise Failed("this is no JWT", "malformed")
                proof = await method.prove(shown)
            except Refused as reason:
                note = f" ({reason.note})" if reason.note else ""
                raise Failed(f"refused: {reason.why.value}{note}", reason.code.value) from None
            finally:
                parts.pool.close()
            return dict(proof.claims)

    claims = run(work)
    tell(as_json, {"valid": True, "claims": claims}, f"valid\n{json.dumps(claims, indent=2)}")


@command.command("issue", help="An access token for a subject, without a sign-in; it is revoked with the subject or by itself.")
@click.argument("subject")
@click.option("--audience", help="Whom it is for; else the issuer itself.")
@click.option("--scopes", default="", help="What it allows, bounded by what the subject's account may do.")
@click.option("--expires", type=SPAN, default="1h", show_default=True, help="How long it lives, at most 1d.")
@data_option
@json_option
def issue(subject: str, audience: str | None, scopes: str, expires: float, data: str | None, as_json: bool) -> None:
    if not 1 <= expires <= LONGEST:
        raise click.UsageError("--expires: a token that is asked of no store lives 1s to 1d")

    async def work() -> Issued:
        async with at_home(data_dir(data)) as home:
            parts = Parts(home, Options.read(home.settings))
            await parts.load_keys()
            whom = audience or parts.options.server.issuer
            try:
                if not parts.mint.knows(whom):
                    raise Failed(f"{whom} is not the issuer, nor listed in [oauth] audiences, nor does it share a key")
                return await parts.mint.issue(subject, audience=whom, scopes=frozenset(scopes.split()), life=expires, actor=LOCAL.name)
            finally:
                parts.pool.close()

    made = run(work)
    answer = {"access_token": made.access_token, "expires_in": made.expires_in, "scope": " ".join(sorted(made.scopes))}
    tell(as_json, answer, made.access_token.reveal())


@command.command("shared-key", help="A key shared with one service: tokens for this audience are then signed with HS256.")
@click.argument("audience")
@data_option
@json_option
def shared_key(audience: str, data: str | None, as_json: bool) -> None:
    place = data_dir(data)
    if not audience.isascii() or not audience.isprintable() or " " in audience or "," in audience:
        raise click.UsageError("an audience is printable ASCII without blanks and commas, best a URL")
    try:
        place.check()
        secret = Secret(base64.urlsafe_b64encode(place.share_key(audience, os.urandom)).rstrip(b"=").decode())
    except DataDirError as reason:
        raise Failed(str(reason), "settings") from None
    answer = {"audience": audience, "kid": shared_kid(audience), "alg": "HS256", "k": secret}
    tell(
        as_json,
        answer,
        f"k (base64url, as in a JWK)  {secret.reveal()}\nA running server takes it up within a second; tokens for {audience} are "
        "then signed with HS256.",
    )


@command.command("revoke", help="Refuse a token from now on, everywhere.")
@click.argument("source", metavar="-")
@click.option("--why", default="", help="A reason for the journal.")
@data_option
@json_option
def revoke(source: str, why: str, data: str | None, as_json: bool) -> None:
    text = read_secret(source, "token")

    async def work() -> tokens.RevokedToken:
        async with at_home(data_dir(data)) as home:
            parts = Parts(home, Options.read(home.settings))
            await parts.load_keys()
            issuer = parts.options.server.issuer
            try:
                foreign = await _proven_foreign(parts, text.reveal().strip())
                if foreign is not None:
                    return await tokens.revoke_foreign(foreign, store=home.store, actor=LOCAL, now=home.clock(), why=why)
                return await tokens.revoke(
                    text,
                    store=home.store,
                    keyring=parts.keyring,
                    peppers=home.peppers,
                    issuer=issuer,
                    actor=LOCAL,
                    now=home.clock(),
                    why=why,
                )
            finally:
                parts.pool.close()

    done = run(work)
    tell(as_json, {"id": done.id, "subject": done.subject}, f"the token {done.id} of {done.subject} is revoked")


async def _proven_foreign(parts: Parts, text: str) -> Proof | None:
    """Of a token of an [[issuer]], whomever it is for; None: it is of none of them."""
    try:
        iss = parse_jwt(text).claims.get("iss")
    except Refused:
        return None
    if iss not in {trusted.issuer.issuer for trusted in parts.issuers.all}:
        return None
    await parts.watch.catch_up()
    try:
        return await parts.jwt.prove_for_anyone(text)
    except Refused as reason:
        raise Failed(f"this token is not taken anyway: {reason.note or reason.why.value}", reason.code.value) from None
