"""cli/generate.py and cli/base64.py: small tools, answered in text and in JSON."""

import base64
import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from doorward.cli import main


def answer(*words: str, stdin: bytes = b"") -> tuple[int, bytes]:
    result = CliRunner().invoke(main, list(words), input=stdin)
    return result.exit_code, result.stdout_bytes


def test_a_secret_is_as_long_as_asked_and_never_the_same() -> None:
    code, one = answer("generate", "secret", "--bytes", "48", "--json")
    _, two = answer("generate", "secret", "--bytes", "48", "--json")
    assert code == 0
    text = json.loads(one)["secret"]
    assert len(base64.urlsafe_b64decode(text)) == 48
    assert one != two


def test_a_password_has_no_letter_that_is_read_as_another() -> None:
    code, out = answer("generate", "password", "--length", "64")
    assert code == 0
    assert len(out.strip()) == 64
    assert not set(out.decode()) & set("0O1lI")


@pytest.mark.parametrize(
    "words", [("generate", "secret", "--bytes", "2"), ("generate", "password", "--length", "x"), ("generate",), ("nonsense",)]
)
def test_what_is_not_understood_ends_with_two(words: tuple[str, ...]) -> None:
    assert answer(*words)[0] == 2


@given(st.binary(max_size=300))
def test_base64_goes_there_and_back(data: bytes) -> None:
    for words in (("encode",), ("encode", "--url")):
        code, encoded = answer("base64", *words, stdin=data)
        assert code == 0
        assert answer("base64", "decode", stdin=encoded) == (0, data)


@given(st.binary(max_size=40))
def test_any_input_is_decoded_or_refused(data: bytes) -> None:
    assert answer("base64", "decode", stdin=data)[0] in (0, 1)


def test_what_is_no_base64_is_told() -> None:
    assert answer("base64", "decode", stdin=b"a!b") == (1, b"")


def test_base64_answers_in_json_where_what_it_decodes_is_text() -> None:
    code, encoded = answer("base64", "encode", "--url", "--json", stdin="grüße".encode())
    assert (code, json.loads(encoded)) == (0, {"base64": "Z3LDvMOfZQ"})
    code, decoded = answer("base64", "decode", "--json", stdin=b"Z3LDvMOfZQ")
    assert (code, json.loads(decoded)) == (0, {"text": "grüße"})
    assert answer("base64", "decode", "--json", stdin=b"/w") == (1, b"")
