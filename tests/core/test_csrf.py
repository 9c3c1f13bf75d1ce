"""core/csrf.py: was an unsafe request with a cookie meant by the page that may make it?"""

import pytest

from doorward.core.csrf import check_same_site
from doorward.core.errors import Refused, Why
from tests.core.stage import request

TOKEN = "t0ken"


def passes(*headers: tuple[bytes, bytes], scheme: str | None = "https") -> bool:
    try:
        check_same_site(request("POST", headers=headers, scheme=scheme), TOKEN)
    except Refused as refused:
        assert refused.why is Why.CROSS_SITE
        assert TOKEN not in str(refused.detail)
        return False
    return True


def test_the_token_passes_and_a_wrong_one_does_not() -> None:
    assert passes((b"x-csrf-token", b"t0ken"))
    for wrong in (b"", b"t0ke", b"T0KEN", b"t0ken ", b"\xff"):
        assert not passes((b"x-csrf-token", wrong))


def test_no_token_of_the_session_matches_no_token() -> None:
    with pytest.raises(Refused):
        check_same_site(request("POST", headers=[(b"x-csrf-token", b"")]), None)


def test_the_browsers_word_counts() -> None:
    assert passes((b"sec-fetch-site", b"same-origin"))
    for site in (b"same-site", b"cross-site", b"none", b"", b"Same-Origin"):
        assert not passes((b"sec-fetch-site", site))


def test_a_foreign_site_is_not_mended_by_an_origin() -> None:
    assert not passes((b"sec-fetch-site", b"cross-site"), (b"origin", b"https://api.example"))


@pytest.mark.rfc("6454", "7.3")
def test_without_it_the_origin_must_be_this_one() -> None:
    assert passes((b"origin", b"https://api.example"))
    assert passes((b"origin", b"HTTPS://API.example"))
    for origin in (b"null", b"", b"http://api.example", b"https://api.example.evil", b"https://api.example:8443"):
        assert not passes((b"origin", origin))


def test_an_origin_that_the_door_does_not_know_matches_nothing() -> None:
    assert not passes((b"origin", b"https://api.example"), scheme=None)


def test_nothing_at_all_is_refused() -> None:
    assert not passes()
