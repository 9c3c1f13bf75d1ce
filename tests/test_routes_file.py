"""routes_file.py: [[route]] tables become routes, or an error with the line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.errors import Refused
from doorward.core.limit import Rate
from doorward.core.route import Routes
from doorward.routes_file import never_reached, read_routes
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
            "line 6, [route] path: the path 'b' must start with a slash",
        ),
        ('[[route]]\npath = "/a"\nallow = "jvt"\n', "did you mean `jwt`?"),
        ('[[route]]\npath = "/a"\nallow = "jwt and api_key"\n', "need `bound by`"),
        ('[[route]]\npath = "/a"\nallow = "mtls"\n', "'mtls' is not built into this version"),
        ('[[route]]\npath = "/a"\nallow = "access_token or jwt"\n', "'access_token' is not built into this version"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nenv = "prod"\n', "env is live or test"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nscope = "x"\n', "unknown setting 'scope'; did you mean 'scopes'?"),
        ('[route]\npath = "/a"\nallow = "jwt"\n', "write each as [[route]]"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nenv = "prod"\n', "line 4, [route] env: env is live"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nrate = "many"\n', "line 4, [route] rate: 'many' is not a rate"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nmethods = ["GETT Y"]\n', "line 4, [route] methods: 'GETT Y' is no HTTP method"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nscopes = ["a\\"b"]\n', "line 4, [route] scopes: 'a\"b' is none"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\nscopes = ["ä"]\n', "printable ASCII"),
        ('[[route]]\npath = "/a"\nallow = "jwt"\naudience = ""\n', "line 4, [route] audience: write whom"),
        ('[[route]]\npath = "/a"\nallow = "open_to_anyone"\nscopes = ["a"]\n', "line 4, [route] scopes: the route '/a' is open"),
        (
            '[[route]]\npath = "/a"\nallow = "jwt"\norigin = "nonsense"\n',
            "line 4, [route] origin: origin is a scheme and a host",
        ),
    ],
)
def test_a_wrong_route_is_refused_with_its_line(text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        routes(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("tables", "says"),
    [
        (
            [{"path": "/a", "allow": "jwt"}, {"path": "/b", "allow": "jwt", "rate": "x"}],
            "DOORWARD_ROUTE, object 2, rate: 'x' is not a rate",
        ),
        ([{"path": "b", "allow": "jwt"}], "DOORWARD_ROUTE, object 1, path: the path"),
        ([{"path": "/a"}], "DOORWARD_ROUTE, object 1: a route needs `allow`"),
        ({"path": "/a"}, "DOORWARD_ROUTE is not a list of objects"),
    ],
)
def test_a_wrong_route_of_the_environment_names_the_variable_and_no_line(tables: object, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        routes('[[route]]\npath = "/file"\nallow = "jwt"\n', {"DOORWARD_ROUTE": json.dumps(tables)})
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    ("earlier", "later", "never"),
    [
        (("/a", []), ("/a", []), True),
        (("/a", []), ("/a/", ["GET"]), True),
        (("/**", []), ("/a", ["GET"]), True),
        (("/a/**", ["GET", "POST"]), ("/a/*/b", ["POST"]), True),
        (("/a", ["GET"]), ("/a", ["HEAD"]), True),
        (("/a", ["GET"]), ("/a", []), False),
        (("/a", ["GET"]), ("/a", ["GET", "POST"]), False),
        (("/**", ["GET"]), ("/a", ["POST"]), False),
        (("/a/**", []), ("/ab", []), False),
        (("/a/**", []), ("/**", []), False),
        (("/*/b", []), ("/a/b", []), False),
    ],
)
def test_a_route_that_nothing_comes_to_is_found(earlier: tuple[str, list[str]], later: tuple[str, list[str]], never: bool) -> None:
    tables = [{"path": path, "methods": methods, "allow": "jwt"} for path, methods in (earlier, later)]
    found = never_reached(routes("", {"DOORWARD_ROUTE": json.dumps(tables)}))
    assert [(one.path, by.path) for one, by in found] == ([(later[0], earlier[0])] if never else [])


@given(
    st.lists(
        st.tuples(st.sampled_from(["/**", "/a", "/a/", "/a/**", "/a/*", "/*", "/a/b"]), st.sets(st.sampled_from(["GET", "HEAD"]))),
        max_size=4,
    ),
    st.sampled_from(["/", "/a", "/a/", "/a/b", "/a/b/c", "/b"]),
    st.sampled_from(["GET", "HEAD", "POST"]),
)
def test_what_is_said_to_be_never_reached_never_decides(written: list[tuple[str, set[str]]], path: str, method: str) -> None:
    tables = [{"path": each, "methods": sorted(methods), "allow": "jwt", "name": str(n)} for n, (each, methods) in enumerate(written)]
    found = routes("", {"DOORWARD_ROUTE": json.dumps(tables)})
    try:
        decides = found.match(method, path)
    except Refused:
        return
    assert all(decides is not route for route, _ in never_reached(found))


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
