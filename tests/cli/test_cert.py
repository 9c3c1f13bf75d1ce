"""cli/cert.py: the words, the files and their modes, the exit codes."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Ask, Run
from tests.pki.certificates import openssl

ORDERS = "spiffe://example.org/orders"
WORDS = [
    "cert",
    "ca",
    "issue",
    "revoke",
    "show",
    "--name",
    "--life",
    "--days",
    ORDERS,
    "24h",
    "0",
    "-1",
    "",
    "\x00",
    "ü",
    "--json",
    "x" * 300,
]


@pytest.fixture
def made(ask: Ask) -> dict[str, object]:
    return ask("cert", "ca")


def issue(ask: Ask, out: Path, *words: str, name: str = ORDERS) -> dict[str, str]:
    return ask("cert", "issue", "--name", name, "--out", str(out), *words)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_authority_is_made_once_then_shown(ask: Ask, run: Run, home: Path) -> None:
    first = ask("cert", "ca", "--name", "Example CA", "--domain", "example.org", "--life", "3650d")
    again = ask("cert", "ca")
    assert (first["created"], again["created"]) == (True, False)
    assert {**first, "created": False} == again
    assert (first["subject"], first["domains"], first["certificate"]) == ("CN=Example CA", ["example.org"], str(home / "ca" / "ca.pem"))
    assert (home / "ca" / "ca.pem").read_text() == first["pem"]
    assert run("cert", "ca", "--export").stdout.strip() == first["pem"].strip()
    refused = run("cert", "ca", "--name", "Another CA")
    assert (refused.exit_code, "never replaced" in refused.stderr) == (1, True)


def test_a_lost_copy_of_the_authoritys_certificate_is_written_again(ask: Ask, home: Path, made: dict[str, str]) -> None:
    (home / "ca" / "ca.pem").unlink()
    ask("cert", "ca")
    assert (home / "ca" / "ca.pem").read_text() == made["pem"]
    assert (mode(home / "ca"), mode(home / "ca" / "ca.pem")) == (0o700, 0o600)


@pytest.mark.usefixtures("made")
def test_issue_writes_a_pair_that_openssl_takes_and_shows_no_key(ask: Ask, run: Run, tmp_path: Path) -> None:
    told = issue(ask, tmp_path / "out", "--life", "24h", "--scopes", "read:pets", "--owner", "shop")
    cert, key, ca = (Path(told[name]) for name in ("cert", "key", "ca"))
    assert (mode(cert), mode(key), mode(ca), mode(tmp_path / "out")) == (0o644, 0o600, 0o644, 0o700)
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", ca, cert)
    assert openssl("x509", "-in", cert, "-noout", "-pubkey") == openssl("pkey", "-in", key, "-pubout")
    assert openssl("x509", "-in", cert, "-noout", "-serial").strip() == f"serial={told['serial'].upper()}"
    assert {"serial", "cert", "key", "ca", "not_after", "x5t#S256", "name"} <= set(told)
    assert (told["name"], told["owner"], " ".join(told["scopes"])) == (ORDERS, "shop", "read:pets")
    body = key.read_text().splitlines()[1]
    for words in (("cert", "list"), ("cert", "show", told["serial"]), ("audit", "export")):
        assert body not in run(*words).stdout


@pytest.mark.usefixtures("made")
def test_no_file_is_written_over_and_then_nothing_is_issued(ask: Ask, run: Run, tmp_path: Path) -> None:
    issue(ask, tmp_path / "out")
    refused = run("cert", "issue", "--name", ORDERS, "--out", str(tmp_path / "out"), "--json")
    assert refused.exit_code == 1
    assert len(ask("cert", "list")["certificates"]) == 1
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / "key.pem").symlink_to(tmp_path / "elsewhere")
    assert run("cert", "issue", "--name", ORDERS, "--out", str(tmp_path / "dangling")).exit_code == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.usefixtures("made")
def test_a_server_gets_its_names_and_90_days(ask: Ask, tmp_path: Path) -> None:
    words = ("--profile", "server", "--dns", "*.shop.example", "--ip", "127.0.0.1")
    told = issue(ask, tmp_path / "out", *words, name="shop.example")
    for purpose, name in (("-verify_hostname", "a.shop.example"), ("-verify_ip", "127.0.0.1"), ("-purpose", "sslserver")):
        openssl("verify", "-CAfile", told["ca"], purpose, name, told["cert"])
    assert openssl("x509", "-in", told["cert"], "-noout", "-checkend", 89 * 86400)
    assert subprocess.run(["openssl", "x509", "-in", told["cert"], "-noout", "-checkend", str(91 * 86400)], capture_output=True).returncode


@pytest.mark.usefixtures("made")
def test_a_request_of_openssl_gets_a_certificate_and_no_key_is_made(ask: Ask, run: Run, tmp_path: Path) -> None:
    key, csr = tmp_path / "own.key", tmp_path / "own.csr"
    openssl(
        "req",
        "-new",
        "-newkey",
        "rsa:2048",
        "-noenc",
        "-keyout",
        key,
        "-subj",
        "/CN=admin",
        "-addext",
        "basicConstraints=CA:TRUE",
        "-out",
        csr,
    )
    told = issue(ask, tmp_path / "out", "--csr", str(csr))
    assert told["key"] is None
    assert not (tmp_path / "out" / "key.pem").exists()
    assert openssl("x509", "-in", told["cert"], "-noout", "-pubkey") == openssl("pkey", "-in", key, "-pubout")
    assert "CA:FALSE" in openssl("x509", "-in", told["cert"], "-noout", "-ext", "basicConstraints")
    openssl("req", "-new", "-newkey", "rsa:1024", "-noenc", "-keyout", key, "-subj", "/CN=weak", "-out", csr)
    assert "the key must be" in run("cert", "issue", "--name", ORDERS, "--out", str(tmp_path / "weak"), "--csr", str(csr)).stderr
    openssl("req", "-new", "-newkey", "rsa:2048", "-sha1", "-noenc", "-keyout", key, "-subj", "/CN=old", "-out", csr)
    assert "hash that is broken" in run("cert", "issue", "--name", ORDERS, "--out", str(tmp_path / "old"), "--csr", str(csr)).stderr


@pytest.mark.usefixtures("made")
def test_revoke_puts_it_on_the_list_that_openssl_checks(ask: Ask, run: Run, tmp_path: Path) -> None:
    told = issue(ask, tmp_path / "out")
    done = ask("cert", "revoke", told["serial"].upper(), "--why", "lost")
    assert (done["serial"], done["crl_number"]) == (told["serial"], 2)
    assert ask("cert", "revoke", told["serial"])["revoked_at"] == done["revoked_at"]
    listed = ask("cert", "crl", "--out", str(tmp_path / "crl.der"))
    assert (listed["number"], listed["out"]) == (2, str(tmp_path / "crl.der"))
    (tmp_path / "crl.pem").write_text(openssl("crl", "-inform", "DER", "-in", tmp_path / "crl.der"))
    words = ["openssl", "verify", "-crl_check", "-CRLfile", str(tmp_path / "crl.pem"), "-CAfile", told["ca"], told["cert"]]
    assert "certificate revoked" in subprocess.run(words, capture_output=True, text=True).stderr
    assert ask("cert", "show", told["serial"])["revoked_at"] == done["revoked_at"]
    assert run("cert", "revoke", "00").exit_code == 1


def test_a_certificate_of_others_is_registered_shown_and_revoked(ask: Ask, run: Run, tmp_path: Path) -> None:
    pem = tmp_path / "partner.pem"
    openssl(
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-noenc",
        "-keyout",
        os.devnull,
        "-subj",
        "/CN=partner",
        "-out",
        pem,
    )
    told = ask("cert", "register", str(pem), "--owner", "partner", "--scopes", "read:pets")
    assert (told["kind"], told["name"], told["scopes"]) == ("registered", "partner", ["read:pets"])
    assert ask("cert", "show", told["x5t#S256"])["id"] == told["id"]
    assert run("cert", "show", told["id"], "--pem").stdout.strip() == pem.read_text().strip()
    assert run("cert", "register", str(pem), "--owner", "another").exit_code == 1
    assert ask("cert", "revoke", told["id"])["crl_number"] is None
    assert [each["id"] for each in ask("cert", "list", "--owner", "partner")["certificates"]] == [told["id"]]


def test_without_an_authority_the_mend_is_told(run: Run, tmp_path: Path) -> None:
    for words in (("issue", "--name", ORDERS, "--out", str(tmp_path / "out")), ("crl",)):
        refused = run("cert", *words)
        assert (refused.exit_code, "doorward cert ca" in refused.stderr) == (1, True)


@pytest.mark.usefixtures("made")
def test_what_is_not_understood_ends_with_2_and_what_is_refused_with_1(run: Run, tmp_path: Path) -> None:
    base = ("cert", "issue", "--out", str(tmp_path / "out"), "--name")
    assert run(*base[:-1]).exit_code == 2
    for words in ([ORDERS, "--days", "0"], [ORDERS, "--days", "1", "--life", "1d"], ["x", "--profile", "ca"]):
        assert run(*base, *words).exit_code == 2
    for words in (["spiffe://x"], [ORDERS, "--life", "500d"], ["x", "--profile", "server"]):
        refused = run(*base, *words)
        assert refused.exit_code == 1
        assert refused.stderr.startswith("doorward: ")


@pytest.mark.usefixtures("made")
def test_a_folder_that_cannot_be_written_issues_nothing_that_is_lost(ask: Ask, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run("cert", "issue", "--name", ORDERS, "--out", str(tmp_path / "file" / "out")).exit_code == 1
    assert ask("cert", "list")["certificates"] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(WORDS), max_size=6))
def test_no_words_end_in_a_traceback(run: Run, words: list[str]) -> None:
    result = run("cert", *words)
    assert result.exit_code in (0, 1, 2), result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_json_answers_are_one_object(run: Run) -> None:
    assert json.loads(run("cert", "list", "--json").stdout) == {"certificates": []}
