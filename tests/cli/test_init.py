"""cli/init.py, check.py: the first minutes of an operator, and the wrong turns."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from doorward.cli import main
from tests.cli.conftest import Ask, Run


def test_init_lays_out_and_says_how_the_first_operator_comes_to_be(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", "--data", str(tmp_path / "d")])
    assert result.exit_code == 0
    assert "the first operator   doorward account create YOU" in result.stdout
    assert "[[route]]" not in [line.strip() for line in (tmp_path / "d" / "doorward.toml").read_text().splitlines()]
    assert (tmp_path / "d" / "doorward.db").stat().st_mode & 0o077 == 0


def test_init_again_changes_nothing(home: Path, run: Run) -> None:
    before = {path.name: path.read_bytes() for path in (home / "secrets").iterdir()}
    result = run("init")
    assert result.exit_code == 0
    assert "nothing was changed" in result.stdout
    assert {path.name: path.read_bytes() for path in (home / "secrets").iterdir()} == before


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["init", "--data", str(tmp_path / "file" / "d")])
    assert result.exit_code == 1
    assert "cannot be laid out" in result.stderr


def test_a_command_without_a_data_directory_says_how_to_make_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["key", "list", "--data", str(tmp_path / "none"), "--json"])
    assert result.exit_code == 1
    assert "doorward init --data" in result.stderr


def test_secrets_that_others_may_read_stop_every_command(home: Path, run: Run) -> None:
    (home / "secrets" / "pepper").chmod(0o644)
    result = run("key", "list")
    assert result.exit_code == 1
    assert "chmod -R go-rwx" in result.stderr


def test_check_tells_what_the_server_would_do(home: Path, run: Run, ask: Ask) -> None:
    (home / "doorward.toml").write_text('[server]\nissuer = "https://d.example"\n[[route]]\npath = "/pets/**"\nallow = "api_key or jwt"\n')
    answer = ask("check")
    assert answer["issuer"] == "https://d.example"
    assert answer["routes"][0]["allow"] == "api_key or jwt"
    assert "the settings are understood" in run("check").stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[server]\nissuer = "http://door.example"\n', "must be https"),
        ('[server]\ntrusted_proxies = ["anybody"]\n', "is not a network"),
        ('[server]\nproxy_style = "squid"\n', "is none of nginx"),
        ('[[route]]\npath = "/a"\n', "needs `allow`"),
        ('[[route]]\npath = "/a"\nallow = "api_key and jwt"\n', "need `bound by`"),
        ('[basic]\nmemo = "2h"\n', "memo"),
        ('[session]\nsame_site = "None"\n', "Lax or Strict"),
        ('[oauth]\nrefresh_grace = "1h"\n', "refresh_grace"),
        ('[limits]\nfailures = "many"\n', "is not a rate"),
        ('[health]\nallow = ["x"]\n', "line 2, [health] allow: 'x' is not a network"),
        ("[hashing]\nthreads = -1\n", "threads: 1 to 64"),
        ("[hashing]\nqueue = -1\n", "queue: 0 to 10000"),
        ("[server]\nlargest_body = -5\n", "largest_body: 0 to 1073741824"),
        ('[hmac]\nwindow = "0s"\n', "window: 1s to 1h"),
        ('[hmac]\nwindow = "2d"\n', "window: 1s to 1h"),
        ("[jwt]\nmemo = -1\n", "memo: 0 to 1000000"),
        ('[jwt]\nleeway = "10d"\n', "leeway: 0s to 5m"),
        ('[signing]\nkeep = "23h"\n', "line 2, [signing] keep and doorward.toml, [oauth] access_life: [signing] keep must be at least"),
        ('[signing]\nrotate_every = "2d"\npublish_ahead = "3d"\n', "rotate_every: at least as long as publish_ahead"),
        ("[serve]\n", "unknown section"),
    ],
)
def test_a_wrong_setting_stops_check_and_serve_with_the_mend(home: Path, run: Run, text: str, says: str) -> None:
    (home / "doorward.toml").write_text(text)
    for command in (("check",), ("serve", "--port", "0")):
        result = run(*command)
        assert result.exit_code == 1
        assert says in result.stderr
        assert "Traceback" not in result.stderr


def test_a_port_that_is_taken_is_told(run: Run) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = run("serve", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "choose another with --port" in result.stderr


def test_half_of_a_certificate_is_a_usage_error(home: Path, run: Run) -> None:
    result = run("serve", "--tls-cert", str(home / "doorward.toml"))
    assert result.exit_code == 2
    assert "go together" in result.stderr


def test_errors_are_json_where_json_is_asked_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["doorward", "key", "revoke", "none", "--json"])
    result = run("key", "revoke", "none", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]


WRONG = [("--nonsense",), ("key", "rotate"), ("key", "nonsense"), ("serve", "--port", "99999"), ("key", "create", "--rate", "x")]


@pytest.mark.parametrize("words", WRONG)
def test_what_is_not_understood_ends_with_two(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
