"""The signature base: RFC 9421's own examples, what it refuses, and that nothing a request says makes two bases one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.crypto import signature_base as written_base
from doorward.crypto.algorithms import BadSignature, Check
from doorward.crypto.message_signing import check_request, message_of
from doorward.crypto.signature_algorithms import HMAC, KEY_PAIRS, checker
from doorward.crypto.signature_base import LONGEST_BASE, MOST_COMPONENTS, Message, read_components, signature_base
from doorward.crypto.signature_input import LONGEST_FIELD, read_signatures
from doorward.crypto.structured_field import BadField, InnerList, Item, Twice, parse_dictionary
from doorward.crypto.structured_text import write_dictionary
from tests.crypto.rfc9421 import ALGORITHM, REQUESTS, base, private, public, secret, sent
from tests.crypto.vectors import read


def signed_of(name: str) -> Any:
    message = sent(name)
    inputs = [value for key, value in message.headers if key.lower() == "signature-input"]
    signatures = [value for key, value in message.headers if key.lower() == "signature"]
    return read_signatures(inputs, signatures)[0]


def check_of(keyid: str) -> Check:
    return checker(HMAC, secret()) if keyid == "test-shared-secret" else checker(ALGORITHM[keyid], public(keyid))


def base_of(written: str, message: Message) -> str:
    member = parse_dictionary(f"sig={written}", once=True)["sig"]
    assert isinstance(member, InnerList)
    return signature_base(read_components(member.items), "()", message).rpartition("\n")[0]


def a_message(url: str = "https://www.example.com/path?param=value", *headers: tuple[str, str], method: str = "POST") -> Message:
    return message_of(method, url, headers)


@pytest.mark.rfc("9421", "2.5")
@pytest.mark.parametrize("name", REQUESTS)
def test_the_base_of_an_example_is_that_of_the_rfc(name: str) -> None:
    message, signed = sent(name), signed_of(name)
    assert signature_base(signed.components, signed.params, message_of(message.method, message.url, message.headers)) == base(name)


@pytest.mark.rfc("9421", "3.2")
@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_of_the_rfc_verifies_and_a_changed_one_does_not(name: str) -> None:
    message, signed = sent(name), signed_of(name)
    check = check_of(signed.keyid)
    assert check_request(message.method, message.url, message.headers, message.body, check).label == f"sig-{name}"
    for at, (key, value) in enumerate(message.headers):
        if key.lower() in {component.name for component in signed.components}:
            changed = [
                *message.headers[:at],
                (key, value.replace("8", "9", 1) if "8" in value else f"{value}x"),
                *message.headers[at + 1 :],
            ]
            with pytest.raises((BadSignature, BadField)):
                check_request(message.method, message.url, changed, message.body, check)
    with pytest.raises(BadSignature):
        check(signed.signature[:-1] + bytes([signed.signature[-1] ^ 1]), base(name).encode())


@pytest.mark.rfc("9421", "3.2")
def test_the_blocks_of_appendix_b_hold_the_same_bases_and_signatures() -> None:
    blocks = [block for block in read("rfc9421/appendix_b1_b2.json") if block["section"].startswith("Examples / Test Cases /")]
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert len(pairs) == 6
    seen = 0
    for text, fields in pairs:
        headers = dict(line.split(": ", 1) for line in fields["text"].split("\n"))
        signed = read_signatures([headers["Signature-Input"]], [headers["Signature"]]) if "@status" not in text["text"] else None
        if signed is None:
            continue  # B.2.4 signs a response: there are none here, and its component is refused below
        check_of(signed[0].keyid or "")(signed[0].signature, text["text"].encode())
        seen += 1
    assert seen == 5


@pytest.mark.rfc("9421", "2.2.9")
def test_a_component_of_a_response_is_refused() -> None:
    with pytest.raises(BadField, match="@status"):
        read_components([Item("@status")])


@pytest.mark.parametrize(
    ("written", "url", "value"),
    [
        pytest.param('("@method")', None, '"@method": POST', marks=pytest.mark.rfc("9421", "2.2.1")),
        pytest.param(
            '("@target-uri")', None, '"@target-uri": https://www.example.com/path?param=value', marks=pytest.mark.rfc("9421", "2.2.2")
        ),
        pytest.param(
            '("@authority")', "https://WWW.Example.com:443/", '"@authority": www.example.com', marks=pytest.mark.rfc("9421", "2.2.3")
        ),
        pytest.param('("@authority")', "https://a.example:80/", '"@authority": a.example:80', marks=pytest.mark.rfc("9421", "2.2.3")),
        pytest.param('("@scheme")', "http://a.example/", '"@scheme": http', marks=pytest.mark.rfc("9421", "2.2.4")),
        pytest.param('("@request-target")', None, '"@request-target": /path?param=value', marks=pytest.mark.rfc("9421", "2.2.5")),
        pytest.param('("@path")', "https://a.example", '"@path": /', marks=pytest.mark.rfc("9421", "2.2.6")),
        pytest.param('("@query")', "https://a.example/?a=b&c", '"@query": ?a=b&c', marks=pytest.mark.rfc("9421", "2.2.7")),
        pytest.param('("@query")', "https://a.example/", '"@query": ?', marks=pytest.mark.rfc("9421", "2.2.7")),
    ],
)
def test_a_derived_component_is_as_the_rfc_says(written: str, url: str | None, value: str) -> None:
    assert base_of(written, a_message(url or "https://www.example.com/path?param=value")) == value


@pytest.mark.rfc("9421", "2.2.8")
@pytest.mark.parametrize(
    ("name", "query", "value"),
    [
        ("baz", "param=value&foo=bar&baz=batman&qux=", "batman"),
        ("qux", "param=value&foo=bar&baz=batman&qux=", ""),
        ("param", "param=value&foo=bar&baz=batman&qux=", "value"),
        ("var", "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace", "this%20is%20a%20big%0Amultiline%20value"),
        ("bar", "var=this&bar=with+plus+whitespace", "with%20plus%20whitespace"),
        ("fa%C3%A7ade%22%3A%20", "fa%C3%A7ade%22%3A%20=something", "something"),
        ("a", "a=~*-._%7e", "%7E*-._%7E"),
    ],
)
def test_a_query_parameter_is_parsed_as_a_form_and_encoded_again(name: str, query: str, value: str) -> None:
    found = base_of(f'("@query-param";name="{name}")', a_message(f"https://a.example/?{query}"))
    assert found == f'"@query-param";name="{name}": {value}'


@pytest.mark.rfc("9421", "2.2.8")
@pytest.mark.parametrize(
    ("name", "query"), [("a", "a=1&a=2"), ("a", "b=1"), ("a", "a=%ff"), ("b%20c", "%62+c=1&b%20c=2"), ("façade", "x=1")]
)
def test_a_query_parameter_that_is_not_there_once_cannot_be_covered(name: str, query: str) -> None:
    with pytest.raises(BadField):
        base_of(f'("@query-param";name="{name}")', a_message(f"https://a.example/?{query}"))


FIELDS = (
    ("Host", "www.example.com"),
    ("X-OWS-Header", "   Leading and trailing whitespace.   \t"),
    ("X-Obs-Fold-Header", "Obsolete\r\n    line folding."),
    ("Cache-Control", "max-age=60"),
    ("Cache-Control", "   must-revalidate"),
    ("Example-Dict", "  a=1,    b=2;x=1;y=2,   c=(a   b   c), d"),
    ("Priority", " u=1,   i"),
    ("X-Empty-Header", ""),
    ("Name", "café"),
    ("Two", "value, with, lots"),
    ("Two", "of, commas"),
)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        pytest.param('("x-ows-header")', '"x-ows-header": Leading and trailing whitespace.', marks=pytest.mark.rfc("9421", "2.1")),
        pytest.param('("x-obs-fold-header")', '"x-obs-fold-header": Obsolete line folding.', marks=pytest.mark.rfc("9421", "2.1")),
        pytest.param('("cache-control")', '"cache-control": max-age=60, must-revalidate', marks=pytest.mark.rfc("9421", "2.1")),
        pytest.param('("x-empty-header")', '"x-empty-header": ', marks=pytest.mark.rfc("9421", "2.1")),
        pytest.param('("example-dict")', '"example-dict": a=1,    b=2;x=1;y=2,   c=(a   b   c), d', marks=pytest.mark.rfc("9421", "2.1")),
        pytest.param('("priority";sf)', '"priority";sf: u=1, i', marks=pytest.mark.rfc("9421", "2.1.1")),
        pytest.param('("example-dict";key="a")', '"example-dict";key="a": 1', marks=pytest.mark.rfc("9421", "2.1.2")),
        pytest.param('("example-dict";key="d")', '"example-dict";key="d": ?1', marks=pytest.mark.rfc("9421", "2.1.2")),
        pytest.param('("example-dict";key="b")', '"example-dict";key="b": 2;x=1;y=2', marks=pytest.mark.rfc("9421", "2.1.2")),
        pytest.param('("example-dict";key="c")', '"example-dict";key="c": (a b c)', marks=pytest.mark.rfc("9421", "2.1.2")),
        pytest.param('("two")', '"two": value, with, lots, of, commas', marks=pytest.mark.rfc("9421", "2.1.3")),
        pytest.param('("two";bs)', '"two";bs: :dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:', marks=pytest.mark.rfc("9421", "2.1.3")),
        pytest.param('("name";bs)', '"name";bs: :Y2Fm6Q==:', marks=pytest.mark.rfc("9421", "2.1.3")),
    ],
)
def test_a_field_is_as_the_rfc_says(written: str, value: str) -> None:
    assert base_of(written, a_message("https://www.example.com/", *FIELDS)) == value


@pytest.mark.rfc("9421", "2.5")
@pytest.mark.parametrize(
    "written",
    [
        '("@method" "@method")',
        '("two";key="a";sf "two";sf;key="a")',
        '("@unknown")',
        '("@signature-params")',
        '("@method";sf)',
        '("@query-param")',
        '("@query-param";name="a";sf)',
        '("@query-param";name=a)',
        '("@path";name="a")',
        '("Two")',
        '("two";req)',
        '("two";tr)',
        '("two";bs;sf)',
        '("two";bs;key="a")',
        '("two";sf=?0)',
        '("two";key=1)',
        '("two";unknown)',
        '("two";sf)',
        '("not-there")',
        '("name")',
        '("example-dict";key="z")',
        "(two)",
        "(1)",
        '("")',
        '("two words")',
    ],
)
def test_a_component_that_a_request_cannot_have_is_refused(written: str) -> None:
    with pytest.raises(BadField):
        base_of(written, a_message("https://www.example.com/?x=1", *FIELDS))


def test_what_is_not_known_of_a_request_is_not_signed() -> None:
    nobody = Message("GET", None, None, "/", "", lambda _: ())
    for name in ("@target-uri", "@authority", "@scheme"):
        with pytest.raises(BadField, match="not known"):
            base_of(f'("{name}")', nobody)
    assert base_of('("@path")', nobody) == '"@path": /'


def test_a_line_break_in_a_value_makes_no_line_of_its_own() -> None:
    for value in ("a\nb", 'a\n"@method": GET', "a\r\n\r\nb", "a\rb", "a\x00b"):
        with pytest.raises(BadField):
            base_of('("x")', a_message("https://a.example/", ("X", value)))


def test_too_many_components_and_too_long_ones_are_refused() -> None:
    with pytest.raises(BadField, match="at most"):
        read_components([Item(f"x-{number}") for number in range(MOST_COMPONENTS + 1)])
    with pytest.raises(BadField, match="too long"):
        base_of('("x")', a_message("https://a.example/", ("X", "a" * LONGEST_BASE)))
    members = " ".join(f'"x";key="k{number}"' for number in range(MOST_COMPONENTS))
    with pytest.raises(BadField, match="too long"):
        base_of(f"({members})", a_message("https://a.example/", ("X", "a," * 500 + ",".join(f"k{number}=1" for number in range(99)))))
    with pytest.raises(BadField, match="too long"):
        read_signatures(["sig=()", "a" * LONGEST_FIELD], ["sig=:AA==:"])


def test_a_query_is_parsed_once_however_many_of_its_parameters_are_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    pair = written_base._pair

    def counted(part: str) -> tuple[str, str]:
        parsed.append(part)
        return pair(part)

    monkeypatch.setattr(written_base, "_pair", counted)
    names = [f"a{number}" for number in range(MOST_COMPONENTS)]
    components = " ".join(f'"@query-param";name="{each}"' for each in names)
    base_of(f"({components})", a_message(f"https://a.example/?{'&'.join([*names, *['x'] * 3000])}"))
    assert len(parsed) == MOST_COMPONENTS + 3000


@pytest.mark.rfc("9421", "4.2")
@pytest.mark.parametrize(
    ("inputs", "signatures"),
    [
        ("sig=()", "other=:AA==:"),
        ("sig=(), other=()", "sig=:AA==:"),
        ("sig=()", "sig=:AA==:, other=:AA==:"),
        ("sig=1", "sig=:AA==:"),
        ("sig=()", "sig=()"),
        ("sig=()", 'sig="AA=="'),
        ("sig=()", "sig=:AA==:;a"),
        ("sig=()", "sig=::"),
        ("sig=()", f"sig=:{'AAAA' * 200}:"),
        ("sig=();created=1.5", "sig=:AA==:"),
        ("sig=();created=-1", "sig=:AA==:"),
        ("sig=();created", "sig=:AA==:"),
        ('sig=();created="1"', "sig=:AA==:"),
        ("sig=();keyid=a", "sig=:AA==:"),
        ("sig=();unknown=1", "sig=:AA==:"),
        (f'sig=();keyid="{"a" * 257}"', "sig=:AA==:"),
        (", ".join(f"s{number}=()" for number in range(9)), ", ".join(f"s{number}=:AA==:" for number in range(9))),
        ("", ""),
        ("sig=(", "sig=:AA==:"),
    ],
)
def test_fields_that_do_not_belong_together_are_refused(inputs: str, signatures: str) -> None:
    with pytest.raises(BadField):
        read_signatures([inputs], [signatures])


@pytest.mark.parametrize(
    ("inputs", "signatures"),
    [(["sig=()", "sig=()"], ["sig=:AA==:"]), (["sig=()"], ["sig=:AA==:", "sig=:AQ==:"]), (["sig=();created=1;created=2"], ["sig=:AA==:"])],
)
def test_what_comes_twice_is_told_apart(inputs: list[str], signatures: list[str]) -> None:
    with pytest.raises(Twice):
        read_signatures(inputs, signatures)


SOUP = st.text(st.sampled_from(list('sig=("@method" x;sf;key=1:,Aa==)?0-.created\t')), max_size=80)


@given(inputs=st.lists(SOUP, min_size=1, max_size=2), signatures=st.lists(SOUP, min_size=1, max_size=2))
def test_any_text_in_the_fields_is_read_or_refused(inputs: list[str], signatures: list[str]) -> None:
    try:
        for signed in read_signatures(inputs, signatures):
            assert read_signatures([f"{signed.label}={signed.params}"], [write_dictionary({signed.label: Item(signed.signature)})]) == [
                signed
            ]
    except BadField:
        pass


TEXT = st.text(st.characters(min_codepoint=0x09, max_codepoint=0xFF), max_size=30)
NAMES = st.sampled_from(["x", "y", "cookie"])


@given(one=st.lists(st.tuples(NAMES, TEXT), max_size=3), two=st.lists(st.tuples(NAMES, TEXT), max_size=3))
def test_two_requests_of_one_base_say_the_same_in_what_is_covered(one: list[tuple[str, str]], two: list[tuple[str, str]]) -> None:
    written = '("x" "y" "cookie";bs)'
    try:
        bases = [base_of(written, a_message("https://a.example/", *fields)) for fields in (one, two)]
    except BadField:
        return
    if bases[0] == bases[1]:
        for name in ("x", "y"):
            values = [", ".join(value.strip(" \t\r") for key, value in fields if key == name) for fields in (one, two)]
            if not any("\n" in value for value in values):
                assert values[0] == values[1]
    assert all(text.isascii() and text.count("\n") == 2 for text in bases)


@given(path=st.text(st.sampled_from(list("/ab%2F~.;")), max_size=10), query=st.text(st.sampled_from(list("a=b&+%2fC?~")), max_size=24))
def test_any_target_has_a_base_or_is_refused(path: str, query: str) -> None:
    message = a_message(f"https://a.example/{path}" + (f"?{query}" if query else ""))
    written = base_of('("@target-uri" "@path" "@query" "@request-target")', message)
    assert written.split("\n")[0] == f'"@target-uri": https://a.example/{path}' + (f"?{query}" if query else "")
    for name in ("a", "b", ""):
        try:
            base_of(f'("@query-param";name="{name}")', message)
        except BadField:
            continue


@pytest.mark.rfc("9421", "3.3")
@pytest.mark.parametrize("alg", KEY_PAIRS)
def test_a_key_of_the_rfc_fits_its_own_algorithm_only(alg: str) -> None:
    fitting = {"test-key-rsa-pss": {"rsa-pss-sha512", "rsa-v1_5-sha256"}, "test-key-rsa": {"rsa-pss-sha512", "rsa-v1_5-sha256"}}
    for name in ("test-key-rsa", "test-key-rsa-pss", "test-key-ecc-p256", "test-key-ed25519"):
        fits = alg in fitting.get(name, {ALGORITHM.get(name, "")})
        for key in (public(name), private(name).public_key()):
            if fits:
                checker(alg, key)
            else:
                with pytest.raises(ValueError, match=alg):
                    checker(alg, key)
