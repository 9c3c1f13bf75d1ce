"""What a client shows, parsed: RFC 6749 section 2.3.1 and appendix B."""

import base64
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.oauth.errors import OAuthError
from doorward.oauth.shown_client import JWT_BEARER, ShownName, ShownSecret, ShownText, find
from tests.methods.place import request

_PLAIN = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=100)
_NAMES = ["client_id", "client_secret", "client_assertion", "client_assertion_type", "x"]


def header(text: str | bytes) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def found(*headers: tuple[str, str], **form: str) -> object:
    return find(form, request(headers))


def refused(*headers: tuple[str, str], **form: str) -> str:
    with pytest.raises(OAuthError) as caught:
        find(form, request(headers))
    return caught.value.code


@pytest.mark.rfc("6749", "2.3.1")
def test_the_example_of_the_standard_is_read() -> None:
    shown = found(("Authorization", "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"))
    assert isinstance(shown, ShownSecret)
    assert (shown.id, shown.secret.reveal()) == ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw")
    shown = found(client_id="s6BhdRkqt3", client_secret="7Fjfp0ZBr1KtDRbnfVdmIw")
    assert isinstance(shown, ShownSecret)
    assert shown.secret.reveal() == "7Fjfp0ZBr1KtDRbnfVdmIw"


@pytest.mark.rfc("6749", "2.3.1")
@given(id=_PLAIN, secret=_PLAIN)
def test_what_is_encoded_as_a_form_is_decoded_again(id: str, secret: str) -> None:
    shown = found(header(f"{quote_plus(id)}:{quote_plus(secret)}"))
    assert isinstance(shown, ShownSecret)
    assert (shown.id, shown.secret.reveal()) == (id, secret)


@given(data=st.binary(max_size=300))
def test_any_bytes_in_basic_are_read_or_refused(data: bytes) -> None:
    try:
        assert isinstance(found(header(data)), ShownSecret)
    except OAuthError as reason:
        assert reason.code == "invalid_client"


@given(text=st.text(st.characters(max_codepoint=0xFF), max_size=200))
def test_any_header_field_is_read_or_refused(text: str) -> None:
    for scheme in ("Basic ", "basic ", "Bearer ", ""):
        try:
            found(("Authorization", scheme + text))
        except OAuthError as reason:
            assert reason.code in ("invalid_client", "invalid_request")


@given(form=st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=50)))
def test_any_form_is_read_or_refused(form: dict[str, str]) -> None:
    try:
        assert isinstance(find(form, request()), ShownSecret | ShownText | ShownName)
    except OAuthError as reason:
        assert reason.code in ("invalid_client", "invalid_request")


@pytest.mark.parametrize(
    "pair",
    ["", ":", "id", "id:", ":secret", "%", "id:%", "id:%4", "id:%zz", "id%:x", "%00:x", "id:%00", "id:%C3%28", "ä:x", "id:ä", "id:%C3%A4",
     "id\x00:x", "id:x\n", "a" * 513 + ":x", "id:" + "x" * 1025],
)  # fmt: skip
def test_a_pair_that_is_not_of_its_form_is_refused(pair: str) -> None:
    assert refused(header(pair)) == "invalid_client"


@pytest.mark.parametrize("value", ["Basic", "Basic ", "Basic !!!!", "Basic YTpi YTpi", "Basic YTp\x7f", "Bearer YTpi", "Digest a"])
def test_a_field_that_is_no_basic_is_refused(value: str) -> None:
    assert refused(("Authorization", value)) == "invalid_client"
    assert refused(("Authorization", value), client_id="a", client_secret="b") in ("invalid_client", "invalid_request")


def test_padding_may_be_left_out() -> None:
    assert isinstance(found(("Authorization", "Basic YTpiYg")), ShownSecret)


@pytest.mark.rfc("6749", "3.2")
def test_an_empty_parameter_counts_as_left_out() -> None:
    assert found(client_id="a", client_secret="", client_assertion="", client_assertion_type="") == ShownName("a")
    assert refused(client_id="", client_secret="x") == "invalid_client"


@pytest.mark.rfc("7521", "4.2")
def test_an_assertion_is_handed_on_as_it_came() -> None:
    assert found(client_assertion="a.b.c", client_assertion_type=JWT_BEARER) == ShownText(None, "a.b.c")
    assert found(client_assertion="a.b.c", client_assertion_type=JWT_BEARER, client_id="a") == ShownText("a", "a.b.c")
    assert refused(client_assertion="a.b.c") == "invalid_client"
    assert refused(client_assertion_type=JWT_BEARER) == "invalid_client"
    assert refused(client_assertion="a.b.c", client_assertion_type=JWT_BEARER, client_secret="x") == "invalid_request"


def test_a_secret_hides_itself() -> None:
    secret = "7Fjfp0ZBr1KtDRbnfVdmIw"
    assert secret not in repr(found(client_id="a", client_secret=secret))
