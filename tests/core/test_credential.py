"""core/credential.py: when and where a credential may be used."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core.credential import Credential, Limits
from doorward.core.errors import Refused, Why

KEY = Credential(id="k", method="api_key", lookup="k", verifier=b"mac", owner="alice", created_at=0.0)
OFFICE = Limits(networks=(ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))


def why(credential: Credential, now: float) -> Why:
    with pytest.raises(Refused) as refused:
        credential.check_live(now)
    return refused.value.why


def test_a_credential_without_an_end_lives() -> None:
    KEY.check_live(10**12)


def test_equal_to_now_is_expired() -> None:
    ends = replace(KEY, expires_at=100.0)
    ends.check_live(99.999)
    assert why(ends, 100.0) is Why.EXPIRED


def test_not_before_is_the_first_moment() -> None:
    begins = replace(KEY, not_before=100.0)
    assert why(begins, 99.999) is Why.NOT_YET
    begins.check_live(100.0)


def test_revoked_says_so_even_when_expired() -> None:
    assert why(replace(KEY, revoked_at=50.0, expires_at=60.0), 100.0) is Why.REVOKED


def test_it_dies_with_its_owner_or_grant() -> None:
    assert why(replace(KEY, ended_at=50.0), 100.0) is Why.REVOKED


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7"])
def test_an_address_of_the_allow_list_passes(address: str) -> None:
    OFFICE.check("GET", address, None)


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db9::1", "::ffff:198.51.100.1", None, "", "192.0.2.7:80", "unix:"])
def test_any_other_address_or_none_is_refused(address: str | None) -> None:
    with pytest.raises(Refused) as refused:
        OFFICE.check("GET", address, None)
    assert refused.value.why is Why.WRONG_ADDRESS


@given(st.text(max_size=40))
def test_any_text_for_an_address_is_refused_not_raised(address: str) -> None:
    with pytest.raises(Refused):
        Limits(networks=(ip_network("203.0.113.77/32"),)).check("GET", address, None)


@pytest.mark.rfc("9110", "9.3.2")
def test_http_methods_are_limited_and_get_allows_head() -> None:
    reads = Limits(methods=("GET",))
    reads.check("GET", None, None)
    reads.check("HEAD", None, None)
    Limits(methods=("HEAD",)).check("HEAD", None, None)
    for limits, method in ((reads, "POST"), (reads, "get"), (Limits(methods=("POST",)), "HEAD"), (Limits(methods=("HEAD",)), "GET")):
        with pytest.raises(Refused) as refused:
            limits.check(method, None, None)
        assert refused.value.why is Why.WRONG_METHOD


def test_origins_are_limited() -> None:
    limits = Limits(origins=("https://shop.example",))
    limits.check("GET", None, "https://shop.example")
    for origin in (None, "", "null", "https://shop.example.evil", "http://shop.example"):
        with pytest.raises(Refused) as refused:
            limits.check("GET", None, origin)
        assert refused.value.why is Why.WRONG_ORIGIN


def test_no_limits_limit_nothing() -> None:
    Limits().check("DELETE", None, None)
