"""doorward webhook, and doorward sign and verify --webhook."""

import json
from pathlib import Path

import pytest

from doorward.webhooks import FORM_NAMES
from tests.cli.conftest import Ask, Run


def test_a_sender_from_its_first_day_to_its_last(run: Run, ask: Ask) -> None:
    made = ask("webhook", "add", "shop", "--form", "standard", "--owner", "acme", "--scopes", "write:orders", "--allow-ip", "192.0.2.0/24")
    assert made["secret"].startswith("whsec_")
    assert (made["owner"], made["scopes"], made["allow_ip"]) == ("acme", ["write:orders"], ["192.0.2.0/24"])
    brought = ask("webhook", "add", "repo", "--form", "github", "--secret-file", "-", stdin="It's a Secret to Everybody\n")
    assert "secret" not in brought
    turned = ask("webhook", "rotate", "shop", "--overlap", "1h")
    assert turned["secret"] != made["secret"]
    assert turned["old_secret_until"]
    assert ask("webhook", "show", "shop")["old_secret_until"] == turned["old_secret_until"]
    assert {each["name"] for each in ask("webhook", "list")["senders"]} == {"shop", "repo"}
    assert ask("webhook", "revoke", "shop")["revoked_at"]
    for words in (["rotate", "shop"], ["show", "nobody"], ["add", "repo", "--form", "slack"]):
        assert run("webhook", *words).exit_code == 1
    assert made["secret"] not in run("webhook", "list").output + run("audit", "tail").output


@pytest.mark.parametrize("form", FORM_NAMES)
def test_what_sign_prints_verify_takes(run: Run, ask: Ask, tmp_path: Path, form: str) -> None:
    secret = ask("webhook", "add", "x", "--form", form)["secret"]
    (tmp_path / "secret").write_text(secret)
    (tmp_path / "body").write_bytes(b'{"a": "\xff"}')
    said = ["--webhook", form, "--secret-file", str(tmp_path / "secret"), "--body-file", str(tmp_path / "body")]
    (tmp_path / "fields").write_text(run("sign", *said).stdout)
    found = ask("verify", *said, "--header", f"@{tmp_path / 'fields'}")
    assert (found["form"], found["bytes"]) == (form, 10)
    (tmp_path / "body").write_bytes(b"{}")
    refused = run("verify", *said, "--header", f"@{tmp_path / 'fields'}")
    assert refused.exit_code == 1
    assert "does not verify" in refused.stderr
    fields = ask("sign", *said)
    lines = [word for name, value in fields.items() for word in ("--header", f"{name}: {value}")]
    assert json.loads(run("verify", *said, *lines, "--json").stdout)["form"] == form


def test_a_form_is_to_be_chosen_and_what_is_misspelled_is_said(run: Run, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"{}")
    assert "--webhook" in run("sign", "--help").stdout
    assert "--id" in run("sign", "--webhook", "slack", "--help").stdout
    assert run("sign").exit_code == 2
    assert run("sign", "--webhook", "gitlab").exit_code == 2
    said = ["--webhook", "github", "--secret-file", "-", "--body-file"]
    assert "either" in run("sign", *said, "-", stdin="x").stderr
    assert "16 to 512" in run("sign", *said, str(tmp_path / "body"), stdin="x").stderr
    assert "cannot be read" in run("sign", *said, str(tmp_path / "nothing"), stdin="x" * 20).stderr
    for line in ("nothing", f"@{tmp_path / 'nothing'}"):
        assert run("verify", *said, str(tmp_path / "body"), "--header", line, stdin="x" * 20).exit_code == 1
