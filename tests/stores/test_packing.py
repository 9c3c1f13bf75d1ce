from dataclasses import replace
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st

from doorward.core.credential import Credential, Limits
from doorward.core.limit import Rate
from doorward.stores.sql.credentials import credential_of, row_of
from doorward.stores.sql.packing import pack_data, unpack_data
from tests.conformance.stores import PLAIN

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MARK = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10)
WORD = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=10)
LIMITS = st.builds(
    Limits,
    methods=st.lists(WORD, max_size=3).map(tuple),
    networks=st.lists(st.ip_addresses().map(lambda address: f"{address}/{address.max_prefixlen}"), max_size=2).map(
        lambda texts: tuple(map(ip_network, texts))
    ),
    origins=st.lists(TEXT, max_size=2).map(tuple),
    rate=st.none() | st.builds(Rate, st.integers(1, 1000), st.sampled_from([1, 60, 3600])),
)
CREDENTIALS = st.builds(
    Credential,
    id=MARK,
    method=MARK,
    lookup=MARK,
    verifier=st.binary(max_size=40),
    owner=MARK,
    created_at=st.floats(0, 4e9),
    name=TEXT,
    scopes=st.none() | st.frozensets(WORD, max_size=4),
    env=MARK,
    kind=MARK,
    not_before=st.none() | st.floats(0, 4e9),
    replaces=st.none() | MARK.filter(bool),
    start=MARK,
    last4=MARK,
    limits=LIMITS,
    data=st.dictionaries(TEXT, TEXT, max_size=3),
)


@given(CREDENTIALS)
def test_a_credential_survives_its_row(credential: Credential) -> None:
    method, lookup, id, verifier, key_id, owner, created, expires, revoked, seen, grant, marks, data, _ = row_of(credential)
    row = (method, lookup, id, verifier, key_id, owner, created, expires, revoked, seen, grant, marks, data, None, None, None, None)
    assert credential_of(row) == credential


@given(st.dictionaries(TEXT, TEXT))
def test_data_survives_its_column(data: dict[str, str]) -> None:
    assert unpack_data(pack_data(data)) == data


def test_every_slot_is_filled() -> None:
    row = row_of(PLAIN)[:13]
    found = credential_of((*row, "person", 5.0, 6.0, 4.0))
    assert found == replace(PLAIN, owner_kind="person", ended_at=4.0, owner_epoch=6.0)
