from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from doorward.outbound.refusal import Failure, FetchError
from doorward.outbound.target import LONGEST, read_target

GOOD = {
    "https://idp.example": ("idp.example", 443, "/", "idp.example"),
    "https://IDP.Example:8443/a/b?c=d&e=%2F": ("idp.example", 8443, "/a/b?c=d&e=%2F", "idp.example:8443"),
    "https://idp.example?x=/": ("idp.example", 443, "/?x=/", "idp.example"),
    "https://idp.example:443/": ("idp.example", 443, "/", "idp.example"),
    "http://localhost:8000/x": ("localhost", 8000, "/x", "localhost:8000"),
    "https://xn--bcher-kva.example/": ("xn--bcher-kva.example", 443, "/", "xn--bcher-kva.example"),
    "https://192.0.2.1/": ("192.0.2.1", 443, "/", "192.0.2.1"),
    "https://[2001:DB8::1]:8443/": ("2001:db8::1", 8443, "/", "[2001:db8::1]:8443"),
    "https://a-1.b2c.example/": ("a-1.b2c.example", 443, "/", "a-1.b2c.example"),
}
BAD = [
    "",
    "idp.example",
    "//idp.example/",
    "ftp://idp.example/",
    "file:///etc/passwd",
    "gopher://idp.example/",
    "HTTPS://idp.example/",
    "https:/idp.example/",
    "https:idp.example/",
    "https:///idp.example/",
    "https:\\\\idp.example\\",
    "https://idp.example\\@127.0.0.1/",
    "https://user@idp.example/",
    "https://user:password@idp.example/",
    "https://idp.example@127.0.0.1/",
    "https://idp.example/#fragment",
    "https://idp.example#@127.0.0.1/",
    "https://idp.example/a b",
    " https://idp.example/",
    "https://idp.example/\r\nX: y",
    "https://idp.example/\n",
    "https://idp.example/\x00",
    "https://idp.example/ä",
    "https://idp.example/%zz",
    "https://idp.example/%2",
    "https://idp%2eexample/",
    "https://\u0131dp.example/",
    "https://idp。example/",
    "https://①②⑦.⓪.⓪.①/",
    "https://idp.example./",
    "https://.idp.example/",
    "https://idp..example/",
    "https://-idp.example/",
    "https://idp-.example/",
    "https://idp_x.example/",
    "https://idp.example:/",
    "https://idp.example:0/",
    "https://idp.example:65536/",
    "https://idp.example:99999/",
    "https://idp.example:+443/",
    "https://idp.example:٤٤٣/",
    "https://127.1/",
    "https://127.0.1/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://127.0.0.01/",
    "https://127.0.0.1.1/",
    "https://256.0.0.1/",
    "https://1/",
    "https://0/",
    "https://0x/",
    "https://idp.0x1/",
    "https://idp.7/",
    "https://127.0.0.1./",
    "https://[::1%25lo]/",
    "https://[fe80::1%25eth0]/",
    "https://[::1%lo]/",
    "https://[::1/",
    "https://::1/",
    "https://[127.0.0.1]/",
    "https://[v1.x]/",
    "https://[]/",
    "https://[1:2:3:4:5:6:7:8:9]/",
    "https://[::ffff:127.0.0.01]/",
    f"https://idp.example/{'a' * LONGEST}",
    f"https://{'a' * 64}.example/",
    f"https://{'a.' * 130}example/",
]


@pytest.mark.rfc("3986", "3.2")
@pytest.mark.parametrize("url", GOOD)
def test_a_url_is_read(url: str) -> None:
    target = read_target(url)
    assert (target.host, target.port, target.path, target.field) == GOOD[url]
    assert target.secure == url.startswith("https")


@pytest.mark.parametrize("url", BAD)
def test_what_two_readers_could_take_for_two_hosts_is_no_url(url: str) -> None:
    with pytest.raises(FetchError) as caught:
        read_target(url)
    assert caught.value.why is Failure.BAD_URL
    assert "user" not in str(caught.value)


PARTS = st.lists(
    st.sampled_from([*"ab.:@/?#%[]\\-_0127x \t\n", "https://", "http://", "127.0.0.1", "::1", "idp.example", "%25", "ä"]), max_size=12
)


@given(PARTS.map("".join) | st.text(max_size=60))
@example("https://idp.example")
def test_any_text_is_refused_or_read_as_the_standard_library_reads_it(text: str) -> None:
    with suppress(FetchError):
        target = read_target(text)
        parts = urlsplit(text)
        assert (parts.hostname, parts.port or (443 if target.secure else 80)) == (target.host, target.port) or ":" in target.host
        assert parts.username is None
        assert not parts.fragment
