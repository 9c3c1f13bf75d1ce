import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.core import chain
from doorward.core.chain import Audit
from doorward.core.event import Event, Kind
from doorward.core.store import Checkpoint, Entry

EVENT = Event(kind=Kind.KEY_CREATED, subject="k1", at=1.5, actor="ann", why="asked", data={"b": "2", "a": "ü"})


def sign(text: bytes) -> bytes:
    return sha256(b"key" + text).digest()


def is_signed(text: bytes, signature: bytes) -> bool:
    return sign(text) == signature


def journal(count: int = 6, every: int = 2) -> tuple[list[Entry], list[Checkpoint]]:
    entries, checkpoints, end = [], [], chain.START
    for seq in range(1, count + 1):
        event = replace(EVENT, subject=f"k{seq}")
        digest = chain.digest(event)
        end = chain.link(end, seq, digest)
        entries.append(Entry(seq, event, digest, end))
        if seq % every == 0:
            checkpoints.append(Checkpoint(seq, end, sign(chain.signed_text(seq, end))))
    return entries, checkpoints


def faults(entries: list[Entry], checkpoints: list[Checkpoint]) -> list[int]:
    audit = Audit(checkpoints, is_signed)
    half = len(entries) // 2
    return [fault.seq for fault in audit.read(entries[:half]) + audit.read(entries[half:]) + audit.close()]


def relinked(entries: list[Entry]) -> list[Entry]:
    """As one who can write the table but has no key would do it."""
    end, out = chain.START, []
    for entry in entries:
        digest = chain.digest(entry.event)
        end = chain.link(end, entry.seq, digest)
        out.append(Entry(entry.seq, entry.event, digest, end))
    return out


def test_the_digest_is_the_one_that_the_module_says() -> None:
    text = '["key.created","k1","ann",1.5,"asked",{"a":"\\u00fc","b":"2"}]'
    assert chain.digest(EVENT) == sha256(text.encode()).digest()
    assert json.loads(text)[5] == {"a": "ü", "b": "2"}
    assert chain.link(chain.START, 7, b"d" * 32) == sha256(bytes(32) + bytes([0, 0, 0, 0, 0, 0, 0, 7]) + b"d" * 32).digest()


def test_the_order_of_data_does_not_matter_and_all_else_does() -> None:
    assert chain.digest(replace(EVENT, data={"a": "ü", "b": "2"})) == chain.digest(EVENT)
    others = [
        replace(EVENT, kind=Kind.KEY_REVOKED),
        replace(EVENT, subject="k2"),
        replace(EVENT, actor="bob"),
        replace(EVENT, at=1.25),
        replace(EVENT, why=""),
        replace(EVENT, data={}),
    ]
    assert len({chain.digest(event) for event in (EVENT, *others)}) == 7


def test_an_honest_journal_has_no_faults_and_its_fresh_end_is_not_judged() -> None:
    entries, checkpoints = journal()
    assert faults(entries, checkpoints) == []
    assert faults([*entries, Entry(7, EVENT, None, None)], checkpoints) == []
    assert faults([], []) == []


@pytest.mark.parametrize("spoil", [3, 4])
def test_an_edit_is_found_where_it_is(spoil: int) -> None:
    entries, checkpoints = journal()
    entries[spoil] = replace(entries[spoil], event=replace(EVENT, actor="mallory"))
    assert faults(entries, checkpoints) == [spoil + 1]


def test_an_edit_with_its_digest_is_found() -> None:
    entries, checkpoints = journal()
    event = replace(EVENT, actor="mallory")
    entries[2] = replace(entries[2], event=event, digest=chain.digest(event))
    assert 3 in faults(entries, checkpoints)


def test_a_gap_a_reorder_an_insertion_and_a_cut_are_found() -> None:
    entries, checkpoints = journal()
    assert 4 in faults([*entries[:2], *entries[3:]], checkpoints)
    assert faults([entries[0], entries[2], entries[1], *entries[3:]], checkpoints)
    assert faults([*entries[:3], replace(entries[2], event=EVENT), *entries[3:]], checkpoints)
    assert faults(entries[:5], checkpoints) == [6]
    assert faults(entries[1:], checkpoints) == [2]


def test_who_links_anew_without_the_key_is_found() -> None:
    entries, checkpoints = journal()
    entries[1] = replace(entries[1], event=EVENT)
    anew = relinked(entries)
    assert faults(anew, checkpoints) == [2, 4, 6]
    assert faults(anew, []) == [1, 2, 3, 4, 5, 6]
    forged = [Checkpoint(entry.seq, entry.chain or b"", b"no key") for entry in anew]
    assert faults(anew, forged) == [1, 2, 3, 4, 5, 6]


def test_a_row_that_lost_its_chain_is_found() -> None:
    entries, checkpoints = journal()
    assert 3 in faults([*entries[:2], replace(entries[2], digest=None, chain=None), *entries[3:]], checkpoints)


@given(st.integers(0, 5), st.binary(min_size=32, max_size=32), st.sampled_from(["digest", "chain"]))
def test_no_other_digest_or_chain_passes(where: int, other: bytes, field: str) -> None:
    entries, checkpoints = journal()
    if getattr(entries[where], field) != other:
        entries[where] = replace(entries[where], **{field: other})  # type: ignore[arg-type]
        assert faults(entries, checkpoints)
