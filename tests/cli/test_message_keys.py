"""cli/key_create.py, key.py, message_signing.py, hmac_verifying.py: keys of message signatures, made, used offline, rotated, ended."""

import asyncio
import stat
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from doorward.app import Doorward
from doorward.core.errors import Refused, Why
from doorward.core.request import Headers, Request
from doorward.core.secret import Secret
from doorward.crypto.signature_algorithms import ALGORITHMS, HMAC, KEY_PAIRS, algorithm_of, generate, private_pem, public_pem, read_private
from tests.cli.conftest import Ask, Run

URL = "https://api.example/pets?limit=1"
BODY = b'{"pet": 1}'


def created(ask: Ask, *words: str) -> dict[str, str]:
    return ask("key", "create", "--name", "n", "--owner", "robot", "--scopes", "read:pets", *words)


def signed(ask: Ask, place: Path, made: dict[str, str], *words: str) -> dict[str, str]:
    (place / "body").write_bytes(BODY)
    (place / "part").write_text(made.get("private_key") or made["secret"])
    part = "--key-file" if "private_key" in made else "--secret-file"
    given = ("--key-id", made["id"], part, str(place / "part"), "--body-file", str(place / "body"), "--alg", made["alg"])
    return ask("sign", "--rfc9421", *given, *words, "post", URL)


def admitted(home: Path, fields: dict[str, str], body: bytes = BODY) -> str:
    parts = urlsplit(URL)

    async def whole() -> bytes:
        return body

    async def ask_the_door() -> str:
        async with Doorward(home) as door:
            raw = [(name.lower().encode(), value.encode()) for name, value in fields.items()]
            request = Request("POST", parts.path, parts.query, Headers(raw), "https", "api.example", "192.0.2.1", whole, True)
            try:
                case = await door.admit(request, door.route("http_signature"))
            except Refused as reason:
                return reason.why.name
            assert case.principal is not None
            return case.principal.subject

    return asyncio.run(ask_the_door())


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_key_that_was_made_signs_what_the_door_and_the_command_verify(ask: Ask, run: Run, home: Path, tmp_path: Path, alg: str) -> None:
    made = created(ask, "--alg", alg) if alg == HMAC else created(ask, "--keypair", "--alg", alg)
    assert (made["alg"], made["method"]) == (alg, "http_signature")
    fields = signed(ask, tmp_path, made)
    assert admitted(home, fields) == "robot"
    assert admitted(home, fields) == "REPLAYED"
    (tmp_path / "fields").write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    (tmp_path / "public").write_text(made.get("public_key") or made["secret"])
    known = ("--secret-file" if alg == HMAC else "--public-key", str(tmp_path / "public"), "--alg", alg)
    words = ("verify", "--rfc9421", *known, "--header", f"@{tmp_path / 'fields'}", "--body-file")
    found = ask(*words, str(tmp_path / "body"), "POST", URL)
    assert (found["keyid"], found["alg"]) == (made["id"], alg)
    assert '"content-digest"' in found["covered"]
    (tmp_path / "other").write_bytes(b"{}")
    for refused in (run(*words, str(tmp_path / "other"), "POST", URL), run(*words, str(tmp_path / "body"), "PUT", URL)):
        assert refused.exit_code == 1


def test_a_key_pair_that_nobody_owns_is_its_own_subject(ask: Ask, home: Path, tmp_path: Path) -> None:
    made = ask("key", "create", "--keypair")
    assert (made["owner"], made["name"]) == (made["id"], made["id"])
    assert admitted(home, signed(ask, tmp_path, made)) == made["id"]
    second = ask("key", "rotate", made["id"])
    assert admitted(home, signed(ask, tmp_path, second)) == made["id"]


def test_the_private_half_is_shown_once_and_the_store_has_the_public_one(ask: Ask, run: Run, home: Path) -> None:
    made = created(ask, "--keypair")
    assert algorithm_of(read_private(Secret(made["private_key"]))) == "ed25519"
    shown = ask("key", "show", made["id"])
    assert shown["public_key"] == made["public_key"]
    assert shown["thumbprint"] == made["thumbprint"]
    inner = made["private_key"].split("\n")[1]
    for words in (("key", "list", "--rfc9421"), ("key", "show", made["id"]), ("audit", "export")):
        assert inner not in run(*words).stdout
    stored = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    assert inner.encode() not in stored
    assert ask("key", "list", "--hmac")["keys"] == []
    assert [each["id"] for each in ask("key", "list", "--rfc9421")["keys"]] == [made["id"]]


def test_the_private_half_goes_to_a_file_of_its_owner_only(ask: Ask, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "key.pem"
    made = created(ask, "--keypair", "--alg", "ecdsa-p384-sha384", "--out", str(out))
    assert "private_key" not in made
    assert made["out"] == str(out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "PRIVATE KEY" in out.read_text()
    again = run("key", "create", "--name", "n", "--owner", "o", "--keypair", "--out", str(out))
    assert again.exit_code == 1
    assert "exists" in again.stderr
    assert len(ask("key", "list")["keys"]) == 1, "a key whose private half cannot be written is not made"


@pytest.mark.parametrize("alg", KEY_PAIRS)
def test_a_caller_brings_a_public_key(ask: Ask, home: Path, tmp_path: Path, alg: str) -> None:
    private = generate(alg)
    (tmp_path / "public").write_text(public_pem(private.public_key()))
    made = created(ask, "--public-key", str(tmp_path / "public"), "--alg", alg)
    assert "private_key" not in made
    fields = signed(ask, tmp_path, {**made, "private_key": private_pem(private).reveal()})
    assert admitted(home, fields) == "robot"


@pytest.mark.parametrize("alg", ["rsa-pss-sha512", "rsa-v1_5-sha256"])
def test_an_rsa_key_says_its_algorithm_when_made_and_signs_only_when_that_is_said(ask: Ask, run: Run, tmp_path: Path, alg: str) -> None:
    words = ("--keypair", "--alg", alg, "--out")
    made = created(ask, *words, str(tmp_path / "key"))
    shown = run("key", "create", "--name", "n", "--owner", "robot", *words, str(tmp_path / "other")).stdout
    assert (made["alg"], f"\nalg     {alg}\n" in shown) == (alg, True)
    (tmp_path / "public").write_text(made["public_key"])
    sign = ("sign", "--rfc9421", "--key-id", made["id"], "--key-file", str(tmp_path / "key"))
    brought = ("key", "create", "--name", "n", "--owner", "robot", "--public-key", str(tmp_path / "public"))
    for refused in (run(*sign, "GET", URL), run(*brought), run("verify", "--rfc9421", *brought[6:], "GET", URL)):
        assert refused.exit_code == 1
        assert "--alg rsa-pss-sha512 or --alg rsa-v1_5-sha256" in refused.stderr
    assert run(*sign, "--alg", alg, "GET", URL).exit_code == 0
    assert run(*brought, "--alg", alg).exit_code == 0


def test_a_key_is_rotated_and_revoked(ask: Ask, home: Path, tmp_path: Path) -> None:
    made = created(ask, "--keypair")
    second = ask("key", "rotate", made["id"], "--overlap", "1h")
    assert second["alg"] == "ed25519"
    for key in (made, second):
        assert admitted(home, signed(ask, tmp_path, key)) == "robot"
    private = generate("ed25519")
    (tmp_path / "public").write_text(public_pem(private.public_key()))
    third = ask("key", "rotate", second["id"], "--public-key", str(tmp_path / "public"), "--overlap", "0s")
    assert "private_key" not in third
    assert admitted(home, signed(ask, tmp_path, {**third, "private_key": private_pem(private).reveal()})) == "robot"
    assert admitted(home, signed(ask, tmp_path, second)) == Why.REVOKED.name
    ask("key", "revoke", made["id"])
    assert admitted(home, signed(ask, tmp_path, made)) == Why.REVOKED.name


def test_a_shared_secret_is_sealed_anew_with_a_new_sealing_key(ask: Ask, run: Run, home: Path, tmp_path: Path) -> None:
    shared, pair = created(ask, "--alg", HMAC), created(ask, "--keypair")
    assert run("rotate", "sealing-key").exit_code == 0, run("rotate", "--help").output
    for made in (shared, pair):
        assert admitted(home, signed(ask, tmp_path, made)) == "robot"


@pytest.mark.parametrize(
    "words",
    [
        ("--keypair", "--hmac"),
        ("--keypair", "--alg", HMAC),
        ("--keypair", "--prefix", "sk"),
        ("--keypair", "--public-key", "x"),
        ("--alg", "none"),
        ("--alg", HMAC, "--hmac"),
    ],
)
def test_words_that_do_not_belong_together_are_not_understood(run: Run, words: tuple[str, ...]) -> None:
    assert run("key", "create", "--name", "n", "--owner", "o", *words).exit_code == 2


def test_a_public_key_that_is_none_is_refused_with_a_sentence(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "key"
    for text in ("", "nonsense", private_pem(generate("ed25519")).reveal(), '{"kty": "oct", "k": "AAAA"}'):
        file.write_text(text)
        for words in (("--public-key", str(file)), ("--public-key", str(file), "--alg", "ed25519")):
            refused = run("key", "create", "--name", "n", "--owner", "o", *words)
            assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    file.write_text(public_pem(generate("ed25519").public_key()))
    assert run("key", "create", "--name", "n", "--owner", "o", "--public-key", str(file), "--alg", "rsa-pss-sha512").exit_code == 1
    assert run("key", "create", "--name", "n", "--owner", "o", "--public-key", str(file), "--out", str(tmp_path / "o")).exit_code == 1
    assert not (tmp_path / "o").exists()


def test_what_cannot_be_signed_or_verified_is_a_sentence(ask: Ask, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = time.time()
    made = created(ask, "--keypair")
    (tmp_path / "key").write_text(made["private_key"])
    (tmp_path / "public").write_text(made["public_key"])
    words = ("sign", "--rfc9421", "--key-id", "k", "--key-file", str(tmp_path / "key"))
    for wrong in (
        ("GET", "/pets"),
        ("--cover", "@status", "GET", URL),
        ("--alg", "rsa-pss-sha512", "GET", URL),
        ("--header", "x", "GET", URL),
    ):
        assert run(*words, *wrong).exit_code == 1
    assert run("sign", "--rfc9421", "--key-id", "k", "GET", URL).exit_code == 2
    verify = ("verify", "--rfc9421", "--public-key", str(tmp_path / "public"))
    assert run(*verify, "GET", URL).exit_code == 1
    lacking = ask(*words, "--cover", "@method", "GET", URL)
    lines = [word for name, value in lacking.items() for word in ("--header", f"{name}: {value}")]
    refused = run(*verify, *lines, "GET", URL)
    assert (refused.exit_code, "@target-uri" in refused.stderr) == (1, True)
    assert run(*verify, "--cover", "@method", *lines, "GET", URL).exit_code == 0
    monkeypatch.setattr(time, "time", lambda: start + 400)
    assert "seconds ago" in run(*verify, "--cover", "@method", *lines, "GET", URL).stderr


def test_an_hmac_signature_is_verified_offline(ask: Ask, run: Run, tmp_path: Path) -> None:
    made = created(ask, "--hmac")
    (tmp_path / "secret").write_text(made["secret"])
    (tmp_path / "body").write_bytes(BODY)
    given = ("--secret-file", str(tmp_path / "secret"), "--body-file", str(tmp_path / "body"))
    fields = ask("sign", "--hmac", "--key-id", made["id"], *given, "post", URL)
    lines = [word for name, value in fields.items() for word in ("--header", f"{name}: {value}")]
    assert ask("verify", "--hmac", *given, *lines, "POST", URL)["key_id"] == made["id"]
    assert run("verify", "--hmac", *given, *lines, "PUT", URL).exit_code == 1
    assert run("verify", "--hmac", *given, "PUT", URL).exit_code == 1
    assert run("verify", "--hmac", *given, *lines, "--header", "X-Nonce: other", "POST", URL).exit_code == 1
