"""routes_file.py: [[route]] tables become routes, or an error with the line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused
from doorward.core.limit import Rate
from doorward.core.route import Routes
from doorward.routes_file import read_routes
from doorward.settings import Settings, SettingsError

INSTALLED = frozenset({"api_key", "basic", "jwt", "hmac", "session"})


def routes(text: str, environ: dict[str, str] | None = None) -> Routes:
    settings = Settings(text, environ)
    found = read_routes(settings, INSTALLED)
    settings.check()
    return found


def test_a_route_is_read_whole() -> None:
    found = routes(
        """
        [[route]]
        path = "/pets/**"
        methods = ["get"]
        allow = "api_key or (api_key and jwt bound by app_and_user)"
        scopes = ["read:pets"]
        rate = "100/m"
        fresh_within = "5m"
        env = "test"
        """
    )
    (route,) = found
    assert route.methods == {"GET"}
    assert route.scopes == {"read:pets"}
    assert route.rate == Rate(100, 60)
    assert route.fresh_within == 300.0
    assert route.env == "test"
    assert [way.methods for way in route.ways] == [("api_key",), ("api_key", "jwt")]


def test_the_first_match_decides() -> None:
    found = routes('[[route]]\npath="/a/open"\nallow="open_to_anyone"\n[[route]]\npath="/a/**"\nallow="api_key"\n')
    assert found.match("GET", "/a/open").allow is None
    assert found.match("GET", "/a/b").asked == ("api_key",)
    with pytest.raises(Refused):
        found.match("GET", "/b")


def test_routes_come_from_the_environment_too() -> None:
    found = routes("", {"DOORWARD_ROUTE": json.dumps([{"path": "/x", "allow": "jwt"}])})
    assert found.match("GET", "/x").asked == ("jwt",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[route]]\npath = "/a"\n', "line 1, [route]: a route needs `allow`"),
        ('[[route]]\nallow = "jwt"\n', "a route needs a path"),
        (
            '\n[[route]]\npath = "/a"\nallow = "jwt"\n[[route]]\npath = "b"\nallow = "jwt"\n',
            "line 5, [route]: the path 'b' must start with a slash",
        ),
        ('[[route]]\npath = "/a"\nallow = "jvt"\n', "did you mean `jwt`?"),
        ('[[route]]\npath = "/a"\nallow = "jwt and api_key"\n', "need `bound by`"),
        ('[[route]]\npath = "/a"\nallow = "mtls"\n', "'mtls' is not built into this version"),
        ('[[route]]\npath = "/a"\nallow = "access_token or jwt"\n', "'access_token' is not built into this version"),
        ('[[route]]\npath = "/a"\nallow = "jwt bound by dpop"\n', "'dpop' is not built into this version"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nenv = "prod"\n', "env is live or test"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nscope = "x"\n', "unknown setting 'scope'; did you mean 'scopes'?"),
        ('[route]\npath = "/a"\nallow = "jwt"\n', "write each as [[route]]"),
    ],
)
def test_a_wrong_route_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        routes(text)
    assert says in str(caught.value)


def test_oauth_stands_for_the_tokens_that_are_built() -> None:
    (route,) = routes('[[route]]\npath = "/a"\nallow = "oauth"\n')
    assert "jwt" in route.asked


@given(
    st.dictionaries(
        st.sampled_from(["path", "allow", "methods", "scopes", "rate", "env", "x"]),
        st.one_of(st.text(max_size=20), st.integers(), st.lists(st.text(max_size=5), max_size=3)),
        max_size=5,
    )
)
def test_any_table_is_read_or_refused(table: dict[str, object]) -> None:
    try:
        routes("", {"DOORWARD_ROUTE": json.dumps([table])})
    except SettingsError as reason:
        assert str(reason)
