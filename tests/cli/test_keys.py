"""cli/key.py and sign.py: every fixed point that others script against."""

import asyncio
import errno
import hashlib
import hmac
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from doorward.app import Doorward
from doorward.core import key_text
from doorward.core.errors import Refused
from doorward.core.request import Headers, Request
from tests.cli.conftest import Ask, Run

WORDS = ["key", "create", "--name", "--owner", "--expires", "--rate", "", "\x00", "ü", "list", "--json", "-h", "30d", "x" * 300]


def created(ask: Ask, *words: str) -> dict[str, str]:
    return ask("key", "create", "--name", "n", "--owner", "o", "--scopes", "read:pets write:pets", *words)


def test_a_key_is_shown_once_and_never_again(ask: Ask, run: Run) -> None:
    made = created(ask, "--env", "test", "--expires", "30d", "--allow-ip", "10.0.0.0/8", "--methods", "GET", "--rate", "100/m")
    assert key_text.parse(made["key"]).id == made["id"]
    assert made["key"].startswith("sk_test_")
    listed = ask("key", "list")["keys"][0]
    assert (listed["scopes"], listed["rate"], listed["methods"], listed["allow_ip"]) == (
        ["read:pets", "write:pets"],
        "100/m",
        ["GET"],
        ["10.0.0.0/8"],
    )
    for words in (("key", "list"), ("key", "show", made["id"]), ("audit", "tail"), ("audit", "export")):
        assert made["key"] not in run(*words).stdout


def test_rotate_makes_a_second_key_and_revoke_ends_one(ask: Ask, run: Run) -> None:
    made = created(ask)
    second = ask("key", "rotate", made["id"], "--overlap", "24h")
    assert second["replaces"] == made["id"]
    assert second["key"] != made["key"]
    assert ask("key", "revoke", made["id"])["revoked_at"]
    assert ask("key", "revoke", made["id"])["revoked_at"], "once more is harmless"
    assert run("key", "rotate", made["id"]).exit_code == 1
    assert run("key", "show", "nope").exit_code == 1


def test_an_hmac_key_signs_a_request_from_a_file_or_standard_input(ask: Ask, tmp_path: Path) -> None:
    made = created(ask, "--hmac")
    (tmp_path / "secret").write_text(made["secret"] + "\n")
    (tmp_path / "body").write_bytes(b"{}")
    words = ("sign", "--hmac", "--key-id", made["id"], "--secret-file")
    url = "https://api.example/pets?limit=1"
    headers = ask(*words, str(tmp_path / "secret"), "post", url, "--body-file", str(tmp_path / "body"))
    text = f"POST\n/pets?limit=1\n{headers['X-Timestamp']}\n{hashlib.sha256(b'{}').hexdigest()}\n{headers['X-Nonce']}"
    assert headers["X-Signature"] == hmac.new(made["secret"].encode(), text.encode(), "sha256").hexdigest()
    plain = ask(*words, "-", "GET", "https://api.example", "--no-nonce", stdin=made["secret"] + "\n")
    assert "X-Nonce" not in plain
    text = f"GET\n/\n{plain['X-Timestamp']}\n"
    assert plain["X-Signature"] == hmac.new(made["secret"].encode(), text.encode(), "sha256").hexdigest()


def test_a_table_of_hashes_is_imported_and_again_adds_nothing(ask: Ask, run: Run, tmp_path: Path) -> None:
    rows = [f"k{number},name,owner,{hashlib.sha256(f'old-key-{number}'.encode()).hexdigest()},old-,read:pets," for number in range(30)]
    file = tmp_path / "keys.csv"
    file.write_text("id,name,owner,hash,start,scopes,expires\n" + "\n".join(rows) + "\n")
    assert ask("key", "import", str(file), "--format", "sha256-hex") == {"added": 30, "known": 0}
    assert ask("key", "import", str(file), "--format", "sha256-hex") == {"added": 0, "known": 30}
    file.write_text("id,name,owner,hash,start,scopes,expires\nk99,n,o,nothex,old-,,\n")
    wrong = run("key", "import", str(file), "--format", "sha256-hex")
    assert wrong.exit_code == 1
    assert "line 2" in wrong.stderr
    file.write_bytes(b"id,name\xff\n")
    assert run("key", "import", str(file), "--format", "sha256-hex").exit_code == 1


def test_hashes_under_a_foreign_pepper_are_imported_with_it(home: Path, ask: Ask, run: Run, tmp_path: Path) -> None:
    pepper = "short-old-pepper"
    digest = hmac.new(pepper.encode(), b"acme-key-1", "sha256").hexdigest()
    file = tmp_path / "keys.csv"
    file.write_text(f"id,name,owner,hash,start,scopes,expires\nk1,n,o,{digest},acme,read:pets,\n")
    words = ("key", "import", str(file), "--format", "hmac-sha256-hex")
    assert run(*words).exit_code == 1, "an hmac needs its pepper"
    assert ask(*words, "--pepper-file", "-", stdin=pepper + "\n")["added"] == 1
    assert ask(*words, "--pepper-file", "-", stdin=pepper + "\n")["known"] == 1
    assert (home / "secrets" / "imported-peppers").stat().st_mode & 0o777 == 0o600
    assert asyncio.run(admitted(home, "acme-key-1")) == "o"
    assert asyncio.run(admitted(home, "acme-key-2")) is None


async def admitted(home: Path, key: str) -> str | None:
    """The subject that the gate finds, or None."""
    headers = Headers([(b"x-api-key", key.encode())])
    request = Request("GET", "/pets", "", headers, "https", "h", "127.0.0.1", None, has_body=False)
    async with Doorward(home) as door:
        try:
            principal = (await door.admit(request, door.route("api_key"))).principal
        except Refused:
            return None
    return principal.subject if principal is not None else None


def test_the_pattern_finds_a_key_in_text(ask: Ask) -> None:
    import re

    pattern = ask("key", "pattern")["text"]
    assert re.search(pattern, f"const key = '{created(ask)['key']}';")
    assert "regex" in ask("key", "pattern", "--as", "gitleaks")["text"]
    assert "detectors" in ask("key", "pattern", "--as", "trufflehog")["text"]


@pytest.mark.parametrize("words", [("--allow-ip", "x"), ("--methods", "G(T"), ("--prefix", "1"), ("--origin", "x y")])
def test_a_wrong_word_is_refused_with_a_sentence(run: Run, words: tuple[str, str]) -> None:
    result = run("key", "create", "--name", "n", "--owner", "o", *words)
    assert result.exit_code in (1, 2)
    assert result.stderr
    assert "Traceback" not in result.stderr


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            ["key", "create", "--name", "--owner", "--expires", "--rate", "", "\x00", "ü", "list", "--json", "-h", "30d", "x" * 300]
        ),
        max_size=6,
    )
)
def test_any_words_end_with_nought_one_or_two(run: Run, words: list[str]) -> None:
    result = run(*words)
    assert result.exit_code in (0, 1, 2)
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_notes_are_kept_on_a_key_and_shown(ask: Ask, run: Run) -> None:
    made = ask("key", "create", "--name", "n", "--owner", "o", "--meta", "ticket=OPS-1", "--meta", "team=a=b")
    notes = {"ticket": "OPS-1", "team": "a=b"}
    assert made["metadata"] == notes
    assert ask("key", "show", made["id"])["metadata"] == notes
    assert ask("key", "list")["keys"][0]["metadata"] == notes
    assert "ticket: OPS-1" in run("key", "show", made["id"]).stdout
    second = ask("key", "rotate", made["id"])
    assert ask("key", "show", second["id"])["metadata"] == notes
    for wrong in ("ticket", "=x", "imported_as=sha256-hex", "a\x07=b"):
        assert run("key", "create", "--name", "n", "--owner", "o", "--meta", wrong).exit_code in (1, 2), wrong
    assert run("key", "create", "--name", "n", "--owner", "o", "--meta", "a=1", "--meta", "a=2").exit_code == 2


def test_where_an_imported_key_comes_from_is_no_note(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"id,owner,hash\nk1,o,{hashlib.sha256(b'old').hexdigest()}\n")
    ask("key", "import", str(file), "--format", "sha256-hex")
    assert ask("key", "show", "k1")["metadata"] == {}


def test_the_keys_that_end_soon_are_listed(ask: Ask) -> None:
    soon = created(ask, "--expires", "10d")
    created(ask, "--expires", "20d")
    created(ask)
    gone = created(ask, "--expires", "5d")
    ask("key", "revoke", gone["id"])
    assert [each["id"] for each in ask("key", "list", "--ending", "14d")["keys"]] == [soon["id"]]
    assert len(ask("key", "list")["keys"]) == 4


def test_an_hmac_key_has_no_prefix(run: Run) -> None:
    result = run("key", "create", "--hmac", "--prefix", "pk", "--name", "n", "--owner", "o")
    assert result.exit_code == 2
    assert "prefix" in result.stderr


def test_one_key_is_one_key(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.csv"
    file.write_text(f"id,owner,hash\nk1,o,{hashlib.sha256(b'old').hexdigest()}\n")
    assert "1 key added, 0 were there already" in run("key", "import", str(file), "--format", "sha256-hex").stdout
    assert "0 keys added, 1 was there already" in run("key", "import", str(file), "--format", "sha256-hex").stdout


@pytest.mark.parametrize("method", ["GE T", "", "GET\n", "GÉT", "GET/"])
def test_a_method_that_no_request_can_have_is_not_signed(run: Run, method: str) -> None:
    result = run("sign", "--hmac", "--key-id", "k", "--secret-file", "-", method, "https://api.example/", stdin="secret")
    assert result.exit_code == 1
    assert "method" in result.stderr


def test_files_that_are_not_there_end_alike(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    words = ("sign", "--hmac", "--key-id", "k", "GET", "https://api.example/")
    secret, body = run(*words, "--secret-file", "gone"), run(*words, "--secret-file", str(tmp_path / "secret"), "--body-file", "gone")
    folder = run(*words, "--secret-file", str(tmp_path / "secret"), "--body-file", str(tmp_path))
    assert [secret.exit_code, body.exit_code, folder.exit_code] == [1, 1, 1]
    assert "gone cannot be read" in secret.stderr
    assert "gone cannot be read" in body.stderr


def test_what_no_terminal_should_see_is_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    sign = ("sign", "--hmac", "--secret-file", str(tmp_path / "secret"))
    for words, says in (
        (("key", "list", "--owner", "\udcff"), "not UTF-8"),
        ((*sign, "--key-id", "x", "--body-file", "/proc/self/mem", "POST", "https://a.example/"), "cannot be read"),
        ((*sign, "--key-id", "x\r\nEvil: 1", "GET", "https://a.example/"), "--key-id must be"),
    ):
        result = run(*words)
        assert result.exit_code == 1, result.exception
        assert says in result.stderr
        assert result.stdout == ""


def test_a_disk_that_is_full_is_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for name in ("pepper", "sealing-key"):
        result = run("rotate", name)
        assert (result.exit_code, "No space left" in result.stderr) == (1, True), result.exception
