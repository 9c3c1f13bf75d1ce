"""core/secret.py: a text that must not be seen."""

import copy
import json
import logging
import pickle
import traceback
from dataclasses import dataclass

import pytest

from doorward.core.secret import HIDDEN, Secret, same

TEXT = "correct horse"
SECRET = Secret(TEXT)


@dataclass
class Holder:
    password: Secret


def test_it_is_hidden_wherever_it_is_written(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("doorward").warning("%s %r", SECRET, SECRET)
    written = [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>40}",
        f"{SECRET:.3}",
        "{:20}".format(SECRET),  # noqa: UP032 - str.format is the case under test
        "%s" % SECRET,  # noqa: UP031 - so is %
        repr(Holder(SECRET)),
        repr([SECRET]),
        caplog.text,
    ]
    for each in written:
        assert TEXT not in each
        assert HIDDEN in each


def test_it_is_hidden_in_a_traceback() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        assert TEXT not in "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_not_pickled(protocol: int) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(SECRET, protocol)


def test_it_is_neither_copied_nor_turned_into_json() -> None:
    for out in (copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            out(SECRET)


def test_it_has_no_attributes_to_list() -> None:
    with pytest.raises(TypeError):
        vars(SECRET)


def test_reveal_is_the_one_way_to_the_text() -> None:
    assert SECRET.reveal() == TEXT
    assert len(SECRET) == len(TEXT)


def test_it_equals_its_like_and_nothing_else() -> None:
    assert Secret(TEXT) == SECRET
    assert Secret("other") != SECRET
    assert TEXT != SECRET
    assert Secret("\ud800") == Secret("\ud800")
    assert Secret("ü") != Secret("u")


def test_it_is_no_dictionary_key() -> None:
    with pytest.raises(TypeError):
        hash(SECRET)


def test_same_compares_bytes() -> None:
    assert same(b"a", b"a")
    assert not same(b"a", b"b")
    assert not same(b"a", b"ab")
