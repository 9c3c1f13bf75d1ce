import json
from pathlib import Path

import pytest

from doorward.core.issuer import Rule
from doorward.issuers_file import IssuerPlan, read_issuers
from doorward.settings import Settings, SettingsError
from tests.outbound.issuer import Key

OURS = "https://door.example"
KEY = Key("k1")


def plans(text: str, **environ: str) -> tuple[IssuerPlan, ...]:
    settings = Settings(text, environ)
    found = read_issuers(settings, OURS)
    settings.check()
    return found


def test_an_issuer_needs_its_url_and_nothing_else() -> None:
    (plan,) = plans('[[issuer]]\nissuer = "https://idp.example/t/"')
    assert plan.fetched
    assert plan.issuer.name == "idp.example"
    assert plan.issuer.subject_prefix == "idp.example|"
    assert plan.issuer.issuer == "https://idp.example/t/"
    assert plan.issuer.audiences == {OURS}
    assert plan.issuer.typ == {"at+jwt"}
    assert not plan.issuer.token_scopes
    assert plan.written.stale == 86400


def test_everything_that_can_be_written() -> None:
    (plan,) = plans(
        """
        [[issuer]]
        name = "corp"
        issuer = "https://idp.example"
        jwks_uri = "https://keys.example/jwks"
        audience = ["api://one", "api://two"]
        algorithms = ["RS256"]
        typ = ["at+jwt", "JWT", "absent"]
        subject_claim = "oid"
        subject_prefix = ""
        audience_claim = "client_id"
        roles_claim = ["realm_access", "roles"]
        scopes = "token"
        stale = "12h"
        rules = [{ claim = "groups", value = "admins", scopes = "admin:keys read:pets", roles = ["admin"] }]
        [issuer.require]
        email_verified = true
        hd = "example.com"
        [[issuer.rules]]
        """.replace("[[issuer.rules]]", "")
    )
    issuer = plan.issuer
    assert plan.written.jwks_uri == "https://keys.example/jwks"
    assert (issuer.name, issuer.subject_prefix, issuer.token_scopes) == ("corp", "", True)
    assert issuer.audiences == {"api://one", "api://two"}
    assert issuer.typ == {"at+jwt", "jwt", "absent"}
    assert (issuer.subject_claim, issuer.audience_claim, issuer.roles_claim) == (("oid",), ("client_id",), ("realm_access", "roles"))
    rule = Rule(claim=("groups",), value="admins", scopes=frozenset({"admin:keys", "read:pets"}), roles=frozenset({"admin"}))
    assert issuer.rules == (rule,)
    assert issuer.require == (Rule(claim=("email_verified",), value=True), Rule(claim=("hd",), value="example.com"))
    assert plan.written.stale == 43200


def test_rules_may_be_tables_of_their_own_and_the_next_issuer_keeps_its_line() -> None:
    text = (
        '[[issuer]]\nissuer = "https://a.example"\n[[issuer.rules]]\nclaim = "g"\nroles = "r"\n[[issuer.rules]]\nclaim = "h"\nroles = "s"\n'
    )
    (plan,) = plans(text)
    assert [rule.claim for rule in plan.issuer.rules] == [("g",), ("h",)]
    with pytest.raises(SettingsError, match="line 11, .*scopes"):
        plans(f'{text}[[issuer]]\nissuer = "https://b.example"\nscopes = "all"\n')


def test_the_environment_replaces_them_all() -> None:
    listed = json.dumps([{"issuer": "https://b.example", "rules": [{"claim": "g", "scopes": "x"}]}])
    (plan,) = plans('[[issuer]]\nissuer = "https://a.example"', DOORWARD_ISSUER=listed)
    assert plan.issuer.name == "b.example"


WRONG = {
    'name = "x"': "needs `issuer`",
    'issuer = ""': "needs `issuer`",
    f'issuer = "{"x" * 513}"': "needs `issuer`",
    f'issuer = "{OURS}"': "our own issuer",
    'issuer = "shared"': "no URL",
    'issuer = "shared"\nsecret_file = "s"\nname = "a|b"': "name",
    'issuer = "https://[::"': "name",
    'issuer = "https://a.example"\njwks_uri = "https://a.example/j"\njwks_file = "j"': "one place",
    'issuer = "https://a.example"\nalgorithms = ["HS256"]': "algorithms",
    'issuer = "https://a.example"\nalgorithms = ["none"]': "algorithms",
    'issuer = "https://a.example"\nalgorithms = []': "algorithms",
    'issuer = "https://a.example"\ntyp = []': "typ",
    'issuer = "https://a.example"\nscopes = "all"': "scopes",
    'issuer = "https://a.example"\nstale = "1s"': "stale",
    'issuer = "https://a.example"\nstale = "60d"': "stale",
    'issuer = "https://a.example"\nsubject_claim = []': "subject_claim",
    'issuer = "https://a.example"\nroles_claim = [1]': "roles_claim",
    'issuer = "https://a.example"\nrules = "x"': "rules",
    'issuer = "https://a.example"\nrules = [{ value = "x" }]': "rules",
    'issuer = "https://a.example"\nrules = [{ claim = "x" }]': "neither",
    'issuer = "https://a.example"\nrules = [{ claim = "x", scope = "y" }]': "rules",
    'issuer = "https://a.example"\nrules = [{ claim = "x", scopes = 1 }]': "rules",
    'issuer = "https://a.example"\nrules = [{ claim = "x", scopes = "y", value = 1.5 }]': "rules",
    'issuer = "https://a.example"\nrequire = ["x"]': "require",
    'issuer = "https://a.example"\nrequire = { x = [] }': "require",
    'issuer = "https://a.example"\nkeys = ["x"]': "keys",
    'issuer = "https://a.example"\nsubject = "x"': "unknown setting",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_not_understood_refuses_to_start_with_its_line(wrong: str) -> None:
    with pytest.raises(SettingsError, match=WRONG[wrong]) as caught:
        plans(f"[[issuer]]\n{wrong}")
    assert "line " in str(caught.value)


@pytest.mark.parametrize("second", ['issuer = "https://a.example"\nname = "b"', 'issuer = "https://b.example"\nname = "a.example"'])
def test_two_issuers_share_neither_iss_nor_name(second: str) -> None:
    with pytest.raises(SettingsError, match="already"):
        plans(f'[[issuer]]\nissuer = "https://a.example"\n[[issuer]]\n{second}')


async def test_fixed_keys_come_from_the_file_or_the_settings(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"keys": [KEY.public()]}))
    (file,) = plans('[[issuer]]\nissuer = "a"\nname = "a"\njwks_file = "keys.json"')
    assert not file.fetched
    assert (await file.fixed(tmp_path).find("k1", "ES256")).alg == "ES256"
    (inline,) = plans("", DOORWARD_ISSUER=json.dumps([{"issuer": "a", "keys": [KEY.public()]}]))
    assert (await inline.fixed(tmp_path).find("k1", "ES256")).alg == "ES256"


async def test_a_secret_is_for_this_user_only_and_long_enough(tmp_path: Path) -> None:
    (plan,) = plans('[[issuer]]\nissuer = "a"\nsecret_file = "secret"')
    path = tmp_path / "secret"
    for content, mode, told in (
        (None, 0, "cannot be read"),
        (b"x" * 32, 0o644, "chmod"),
        (b"x" * 31 + b"\n", 0o600, "32 bytes|256 bits"),
        (b"", 0o600, "32 bytes|256 bits"),
    ):
        if content is not None:
            path.write_bytes(content)
            path.chmod(mode)
        with pytest.raises(SettingsError, match=told) as caught:
            plan.fixed(tmp_path)
        assert "xxxx" not in str(caught.value)
    path.write_bytes(b"x" * 32 + b"\n")
    assert (await plan.fixed(tmp_path).find(None, "HS256")).alg == "HS256"


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b'{"keys": []}', b"x" * 200_000])
def test_a_key_file_that_holds_no_keys_refuses_to_start(tmp_path: Path, content: bytes | None) -> None:
    (plan,) = plans('[[issuer]]\nissuer = "a"\njwks_file = "keys.json"')
    if content is not None:
        (tmp_path / "keys.json").write_bytes(content)
    with pytest.raises(SettingsError, match="keys of a"):
        plan.fixed(tmp_path)


def test_the_name_of_a_setting_is_told_once() -> None:
    with pytest.raises(SettingsError, match=r"^doorward.toml, line 2, \[issuer\] issuer: no URL, so its keys cannot be discovered"):
        plans('[[issuer]]\nissuer = "idp"')
