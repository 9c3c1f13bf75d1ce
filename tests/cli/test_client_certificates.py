"""cli/serve.py, check.py: client certificates on the command line."""

import json
from pathlib import Path

import pytest

from doorward.lab.place import Place
from tests.certificates import authority, leaf
from tests.cli.conftest import Ask, Run

MTLS = """
[server]
trusted_proxies = ["127.0.0.1/32"]

[mtls]
client_ca = ["partners.pem"]

[[route]]
path = "/**"
allow = "mtls"
"""


@pytest.fixture
def tls(tmp_path: Path) -> tuple[str, ...]:
    made = Place(tmp_path)
    made.make_certificate()
    return "--tls-cert", str(made.certificate), "--tls-key", str(made.private_key)


def test_check_warns_of_a_ca_without_a_list_and_of_fields_that_anybody_may_write(home: Path, ask: Ask) -> None:
    (home / "doorward.toml").write_text(MTLS)
    (home / "partners.pem").write_bytes(authority("partners").pem)
    warnings = ask("check")["warnings"]
    assert any("no revocation list of the CA CN=partners (partners.pem)" in each for each in warnings)
    assert any("proxy_headers" in each for each in warnings)
    (home / "doorward.toml").write_text(MTLS.replace("[mtls]", '[mtls]\nproxy_headers = ["client-cert"]'))
    assert not any("proxy_headers" in each for each in ask("check")["warnings"])


@pytest.mark.parametrize("text", ["", "nonsense", leaf(None).pem.decode()])
def test_a_file_that_is_no_ca_refuses_to_start(home: Path, run: Run, text: str) -> None:
    (home / "doorward.toml").write_text(MTLS)
    (home / "partners.pem").write_text(text)
    for words in (("check",), ("serve", "--port", "0")):
        result = run(*words)
        assert result.exit_code == 1
        assert "Traceback" not in result.stderr
        assert "partners.pem" in result.stderr or "is no CA" in result.stderr


def test_a_file_that_is_missing_is_named(home: Path, run: Run) -> None:
    (home / "doorward.toml").write_text(MTLS)
    result = run("check")
    assert result.exit_code == 1
    assert "partners.pem cannot be read" in result.stderr


def test_serve_names_what_does_not_go_together(
    run: Run, home: Path, tmp_path: Path, tls: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORWARD_MTLS__CLIENT_CA", json.dumps([]))  # the command writes it, for its workers
    bad = tmp_path / "bad.pem"
    bad.write_text("nonsense")
    assert run("serve", "--port", "0", "--client-ca", str(bad)).exit_code == 2
    assert run("serve", "--port", "0", "--client-cert", "required").exit_code == 2
    result = run("serve", "--port", "0", *tls, "--client-ca", str(bad))
    assert result.exit_code == 1
    assert f"--client-ca {bad}: not certificates in PEM" in result.stderr


@pytest.mark.parametrize(
    "line", ['proxy_headers = ["x-cert"]', 'xfcc = "trust"', 'domains = ["example.org"]', 'domains = ["example.org=other.pem"]']
)
def test_settings_that_are_not_understood_refuse_to_start(home: Path, run: Run, line: str) -> None:
    (home / "doorward.toml").write_text(f"[mtls]\n{line}\n")
    result = run("check")
    assert result.exit_code == 1
    assert f"[mtls] {line.partition(' ')[0]}" in result.stderr
