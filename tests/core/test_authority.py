"""core/authority.py: what the store keeps reads back the same, and shows no key."""

from hypothesis import given
from hypothesis import strategies as st

from doorward.core.authority import Authority, RevocationList

TIMES = st.floats(0, 4e9)


@given(st.builds(Authority, domains=st.lists(st.text(max_size=5)).map(tuple), created_at=TIMES, expires_at=TIMES))
def test_an_authority_reads_back_the_same(authority: Authority) -> None:
    assert Authority.of(authority.text()) == authority


@given(st.builds(RevocationList, this_update=TIMES, next_update=TIMES))
def test_a_list_reads_back_the_same(listed: RevocationList) -> None:
    assert RevocationList.of(listed.text()) == listed


def test_the_sealed_key_is_not_in_its_repr() -> None:
    authority = Authority(serial="1", certificate=b"c", sealed=b"the sealed one", sealed_by="s1", created_at=0.0, expires_at=1.0)
    assert "sealed one" not in repr(authority)
