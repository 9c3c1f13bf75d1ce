"""settings.py: each option by its type, each error with its place and the mend."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.limit import Rate
from doorward.settings import Settings, SettingsError


@dataclass(frozen=True)
class Server:
    issuer: str = "http://127.0.0.1:8000"
    trusted_proxies: tuple[str, ...] = ()
    grace: float = 10.0
    workers: int = 1
    insecure_http: bool = False
    failures: Rate | None = Rate(20, 60)
    scopes: frozenset[str] = frozenset()


def options(text: str, **environ: str) -> Server:
    settings = Settings(text, environ)
    found = settings.options("server", Server)
    settings.check()
    return found


def test_nothing_written_gives_the_defaults() -> None:
    assert options("") == Server()


def test_every_type_is_read_as_it_is_written() -> None:
    written = """
        [server]
        issuer = "https://door.example"
        trusted_proxies = ["127.0.0.1/32", "10.0.0.0/8"]
        grace = "5m"
        workers = 4
        insecure_http = true
        failures = "off"
        scopes = "a b"
    """
    assert options(written) == Server("https://door.example", ("127.0.0.1/32", "10.0.0.0/8"), 300.0, 4, True, None, frozenset("ab"))


def test_the_environment_wins_and_gives_lists_as_json() -> None:
    found = options(
        '[server]\nissuer = "https://a"',
        DOORWARD_SERVER__ISSUER="https://b",
        DOORWARD_SERVER__TRUSTED_PROXIES='["::1/128"]',
        DOORWARD_SERVER__WORKERS="3",
        DOORWARD_SERVER__INSECURE_HTTP="true",
        DOORWARD_SERVER__FAILURES="5/m",
    )
    assert found == Server("https://b", ("::1/128",), 10.0, 3, True, Rate(5, 60))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[sever]\n", "line 1, [sever]: unknown section 'sever'; did you mean 'server'?"),
        ('[server]\n\nisuer = "x"\n', "line 3, [server] isuer: unknown setting 'isuer'; did you mean 'issuer'?"),
        ("[server]\nissuer = 3\n", "line 2, [server] issuer: 3 is not a text"),
        ('[server]\ngrace = "soon"\n', "line 2, [server] grace: 'soon' is not a length of time"),
        ("[server]\nworkers = true\n", "line 2, [server] workers: True is not a whole number"),
        ("[server]\ntrusted_proxies = [1]\n", "is not a list of texts"),
        ('[server]\nfailures = "many"\n', "is not a rate"),
        ("[server\n", "is not TOML"),
        ("server = 3\n", "line 1, [server]: write [server] as a table"),
    ],
)
def test_a_wrong_setting_names_its_line_and_the_mend(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        options(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "says"),
    [
        ("DOORWARD_SERVER__ISUER", "unknown setting 'isuer'; did you mean 'issuer'?"),
        ("DOORWARD_server__ISSUER", "write DOORWARD_SERVER__ISSUER"),
        ("DOORWARD_SERVER", "write DOORWARD_SERVER__NAME"),
        ("DOORWARD_SEVER__ISSUER", "unknown section 'sever'; did you mean 'server'?"),
        ("DOORWARD_NOPE__A", "unknown section 'nope'; known are route, server"),
        ("DOORWARD_NOPE", "unknown section 'nope'; known are route, server"),
        ("DOORWARD_ROUTES", "unknown section 'routes'; did you mean 'route'?"),
        ("DOORWARD_ROUTE__PATH", "write DOORWARD_ROUTE, a JSON list of objects"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_mend(variable: str, says: str) -> None:
    settings = Settings("", {variable: "x"})
    settings.options("server", Server)
    settings.each("route")
    with pytest.raises(SettingsError) as caught:
        settings.check()
    assert str(caught.value) == f"the environment, {variable}: {says}"


@dataclass(frozen=True)
class Lives:
    short: int = 1
    long: int = 9

    def __post_init__(self) -> None:
        if self.long > 99:
            raise ValueError("long: at most 99")
        if self.short > self.long:
            raise ValueError("short: at most as long as long")


@pytest.mark.parametrize(
    ("text", "environ", "says"),
    [
        ("[lives]\nshort = 2\nlong = 100\n", {}, "doorward.toml, line 3, [lives] long: at most 99"),
        ("[lives]\nlong = 3\n", {"DOORWARD_LIVES__LONG": "100"}, "DOORWARD_LIVES__LONG: long: at most 99"),
        ("[lives]\nlong = 3\n", {"DOORWARD_LIVES__SHORT": "5"}, "DOORWARD_LIVES__SHORT and doorward.toml, line 2, [lives] long: short:"),
        ("", {"DOORWARD_LIVES__SHORT": "10"}, "DOORWARD_LIVES__SHORT: short:"),
    ],
)
def test_what_an_options_own_check_refuses_names_where_it_was_given(text: str, environ: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(text, environ).options("lives", Lives)
    assert str(caught.value).startswith(says)


def test_other_programs_variables_are_left_alone() -> None:
    assert options("", PATH="/bin", DOORWARD_DATA="/tmp") == Server()


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "doorward.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="UTF-8"):
        Settings.read(tmp_path / "doorward.toml", {})


@given(st.text(max_size=400))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        options(text)
    except SettingsError as reason:
        assert str(reason)


@given(
    st.from_regex(
        r"(\[\[?(server|route|x)\]\]?|(issuer|grace|workers) ?= ?([0-9]{1,3}|\"[a-z0-9/]{0,6}\"|\[\]|\{\}|true|1e3|nan|-1)|\n){0,12}"
    )
)
def test_anything_like_settings_is_read_or_refused(text: str) -> None:
    try:
        options(text)
    except SettingsError as reason:
        assert str(reason)


@given(st.sampled_from(["ISSUER", "GRACE", "WORKERS", "TRUSTED_PROXIES", "FAILURES"]), st.text(max_size=60))
def test_any_variable_is_read_or_refused(name: str, value: str) -> None:
    try:
        options("", **{f"DOORWARD_SERVER__{name}": value})
    except SettingsError as reason:
        assert str(reason)
