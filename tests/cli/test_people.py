"""cli/account.py, service.py, session.py, token.py, rotate.py, audit.py."""

import asyncio
import base64
import json
import sqlite3
from pathlib import Path

import httpx
import jwt
import pytest

from doorward.app import Doorward
from doorward.server import Server
from tests.cli.conftest import Ask, Run

PASSWORD = "correct horse: battery stäple"
ADA = ("account", "create", "ada", "--email", "ada@example.org", "--scopes", "read:pets", "--password-stdin")


def signed_in(home: Path) -> dict[str, str]:
    """Tokens, from the server over the same data directory."""

    async def sign_in() -> dict[str, str]:
        server = Server(Doorward(home))
        await server.start()
        transport = httpx.ASGITransport(server, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as web:
            await web.post("/auth/login", json={"username": "ada", "password": PASSWORD, "transport": "session"})
            answer: dict[str, str] = (await web.post("/auth/login", json={"username": "ada", "password": PASSWORD})).json()
        await server.stop()
        return answer

    return asyncio.run(sign_in())


def test_an_account_is_made_shown_changed_and_ended(ask: Ask, run: Run) -> None:
    assert ask(*ADA, stdin=PASSWORD + "\n")["name"] == "ada"
    changed = ask("account", "change", "ada", "--scopes", "a b", "--roles", "staff")
    assert (changed["scopes"], changed["ended_sessions"]) == (["a", "b"], True)
    assert "ended" in run("account", "change", "ada", "--scopes", "a b c").stdout
    assert ask("account", "change", "ada", "--scopes", "a")["ended_sessions"] is False
    assert ask("account", "show", "ada")["roles"] == ["staff"]
    assert [each["name"] for each in ask("account", "list")["accounts"]] == ["ada"]
    assert ask("account", "password", "ada", "--password-stdin", stdin="a new one\n")["changed"]
    assert ask("account", "end", "ada", "--why", "left")["ended_at"]
    again = run(*ADA, stdin=PASSWORD)
    assert again.exit_code == 1
    assert "never" in again.stderr or "taken" in again.stderr.lower() or "use" in again.stderr
    assert run("account", "show", "nobody").exit_code == 1


def test_an_account_without_a_password_says_how_to_set_one(run: Run) -> None:
    assert "doorward account password eve" in run("account", "create", "eve").stdout
    assert "account password" not in run("account", "create", "joe", "--password-stdin", stdin=PASSWORD).stdout


def test_a_password_is_never_an_argument(run: Run) -> None:
    assert run("account", "create", "eve", "--password", "secret").exit_code == 2


def test_one_newline_is_stripped_and_no_more(home: Path, ask: Ask) -> None:
    ask("account", "create", "ada", "--password-stdin", stdin=PASSWORD + "\n")
    assert "access_token" in signed_in(home)


def test_a_service_signs_in_by_its_id_until_it_ends(ask: Ask, run: Run) -> None:
    made = ask("service", "create", "bot", "--scopes", "read:pets")
    assert made["id"].startswith("svc_")
    assert len(made["secret"]) >= 43
    assert [each["name"] for each in ask("service", "list")["services"]] == ["bot"]
    assert ask("service", "end", made["id"])["ended_at"]
    assert run("service", "end", "svc_000000000000").exit_code == 1
    assert made["secret"] not in run("audit", "export").stdout


def test_a_token_is_decoded_verified_and_revoked(home: Path, ask: Ask, run: Run) -> None:
    ask(*ADA, stdin=PASSWORD + "\n")
    token = signed_in(home)["access_token"]
    assert ask("token", "decode", "-", stdin=token)["verified"] is False
    assert ask("token", "verify", "-", stdin=token)["claims"]["sub"] == "ada"
    other = run("token", "verify", "-", "--audience", "https://other.example", stdin=token)
    assert other.exit_code == 1
    assert "another audience" in other.stderr
    forged = run("token", "verify", "-", stdin=token[:-4] + "AAAA")
    assert forged.exit_code == 1
    assert ask("token", "revoke", "-", stdin=token)["subject"] == "ada"
    after = run("token", "verify", "-", stdin=token)
    assert after.exit_code == 1
    assert "revoked" in after.stderr
    for text in ("", "a.b.c", "x" * 10_000, "\x00"):
        for verb in ("decode", "verify", "revoke"):
            assert run("token", verb, "-", stdin=text).exit_code == 1


def test_a_token_is_issued_for_a_service_that_shares_a_key(home: Path, ask: Ask, run: Run) -> None:
    shared = ask("token", "shared-key", "https://legacy.example")
    ask(*ADA, stdin=PASSWORD + "\n")
    made = ask("token", "issue", "ada", "--audience", "https://legacy.example", "--scopes", "read:pets admin:all", "--expires", "10m")
    assert made["scope"] == "read:pets", "no more than the account may do"
    legacy = jwt.decode(
        made["access_token"], base64.urlsafe_b64decode(shared["k"] + "="), algorithms=["HS256"], audience="https://legacy.example"
    )
    assert legacy["sub"] == "ada"
    assert ask("token", "verify", "-", "--audience", "https://legacy.example", stdin=made["access_token"])["valid"]
    own = ask("token", "issue", "ada", "--scopes", "read:pets")["access_token"]
    assert ask("token", "verify", "-", stdin=own)["claims"]["sub"] == "ada"
    forged = jwt.encode(
        {**legacy, "aud": "http://127.0.0.1:8000"},
        base64.urlsafe_b64decode(shared["k"] + "="),
        algorithm="HS256",
        headers={"kid": shared["kid"], "typ": "at+jwt"},
    )
    assert run("token", "verify", "-", stdin=forged).exit_code == 1, "who shares a key proves nothing to others"
    assert run("token", "shared-key", "https://legacy.example").exit_code == 1
    assert run("token", "issue", "ada", "--audience", "https://unknown.example").exit_code == 1
    assert run("token", "issue", "ada", "--expires", "30d").exit_code == 2


def test_sessions_are_listed_and_ended(home: Path, ask: Ask, run: Run) -> None:
    ask(*ADA, stdin=PASSWORD + "\n")
    signed_in(home)
    (session,) = ask("session", "list", "--owner", "ada")["sessions"]
    assert ask("session", "revoke", session["id"])["revoked"]
    assert ask("session", "list")["sessions"] == []
    assert run("session", "revoke", "se_000000000000").exit_code == 1
    assert ask("session", "revoke", "--owner", "ada")["revoked"]
    assert run("session", "revoke").exit_code == 2


def test_keys_of_every_kind_are_rotated_and_what_they_protect_goes_on(home: Path, ask: Ask, run: Run) -> None:
    ask(*ADA, stdin=PASSWORD + "\n")
    token = signed_in(home)["access_token"]
    assert ask("rotate", "signing-keys")["kid"]
    assert ask("rotate", "pepper")["id"] == "pepper-2"
    assert ask("rotate", "sealing-key")["resealed"] == 2
    assert ask("token", "verify", "-", stdin=token)["valid"]
    assert "access_token" in signed_in(home)


def test_the_journal_is_read_and_proven_and_an_edit_is_found(home: Path, ask: Ask, run: Run) -> None:
    ask(*ADA, stdin=PASSWORD + "\n")
    rows = [json.loads(line) for line in run("audit", "export").stdout.splitlines()]
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert rows[-1]["kind"] == "account.created"
    proven = ask("audit", "verify")
    assert (proven["ok"], proven["unlinked"], proven["head"]) == (True, 0, ask("audit", "verify")["head"])
    with sqlite3.connect(home / "doorward.db") as db:
        db.execute("UPDATE journal SET subject = 'eve' WHERE kind = 'account.created'")
    db.close()
    found = run("audit", "verify", "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["faults"]


@pytest.mark.parametrize("words", [("audit", "tail", "-n", "0"), ("rotate",), ("token", "decode")])
def test_what_is_not_understood_ends_with_two(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_what_a_command_journals_is_linked_without_a_server(ask: Ask) -> None:
    ask("service", "create", "bot")
    found = ask("audit", "verify")
    assert found["ok"] is True
    assert found["rows"] > 2
    assert found["unlinked"] == 0
