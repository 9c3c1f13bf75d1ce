"""core/chain.py: an edit, a gap, a reorder or a truncation of the journal is found."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.core.chain import START, Audit, Fault, digest, link, signed_text
from doorward.core.event import Event, Kind
from doorward.core.store import Checkpoint, Entry


def sign(text: bytes) -> bytes:
    return hashlib.sha256(b"key" + text).digest()


def is_signed(text: bytes, signature: bytes) -> bool:
    return sign(text) == signature


def journal(count: int, *, checkpoints: tuple[int, ...] | None = None) -> tuple[list[Entry], list[Checkpoint]]:
    entries, signed, chain = [], [], START
    for seq in range(1, count + 1):
        event = Event(kind=Kind.KEY_CREATED, subject=f"key {seq}", actor="operator", at=float(seq), data={"n": str(seq)})
        chain = link(chain, seq, digest(event))
        entries.append(Entry(seq, event, digest(event), chain))
        if seq in (checkpoints or (count,)):
            signed.append(Checkpoint(seq, chain, sign(signed_text(seq, chain))))
    return entries, signed


def faults(entries: list[Entry], checkpoints: list[Checkpoint]) -> list[Fault]:
    audit = Audit(checkpoints, is_signed)
    return audit.read(entries) + audit.close()


@given(st.integers(0, 12), st.integers(1, 12))
@settings(max_examples=40)
def test_an_untouched_journal_has_no_fault_however_it_is_paged(count: int, page: int) -> None:
    entries, signed = journal(count)
    audit = Audit(signed, is_signed)
    for begin in range(0, count, page):
        assert audit.read(entries[begin : begin + page]) == []
    assert audit.close() == []


def test_rows_that_are_not_linked_yet_are_not_judged() -> None:
    entries, signed = journal(3)
    later = Entry(4, entries[0].event, None, None)
    assert faults([*entries, later], signed) == []


@pytest.mark.parametrize("change", [{"subject": "x"}, {"actor": "x"}, {"at": 0.5}, {"why": "x"}, {"data": {}}, {"kind": Kind.KEY_REVOKED}])
def test_an_edit_of_any_part_is_found(change: dict[str, object]) -> None:
    entries, signed = journal(3)
    entries[1] = replace(entries[1], event=replace(entries[1].event, **change))  # type: ignore[arg-type]  # fields of Event
    assert Fault(2, "this row was edited") in faults(entries, signed)


def test_an_edit_with_its_digest_and_chain_redone_is_found_at_the_next_row() -> None:
    entries, signed = journal(3)
    event = replace(entries[1].event, subject="x")
    entries[1] = Entry(2, event, digest(event), link(entries[0].chain or b"", 2, digest(event)))
    assert [fault.seq for fault in faults(entries, signed)] == [3]


def test_a_whole_chain_redone_does_not_have_the_signature() -> None:
    entries, signed = journal(3)
    other, _ = journal(2)
    redone = [*other, entries[2]]
    event = replace(entries[2].event, subject="x")
    redone[2] = Entry(3, event, digest(event), link(other[1].chain or b"", 3, digest(event)))
    assert faults(redone, signed) == [Fault(3, "the chain is not the one that the checkpoint signed")]
    forged = [Checkpoint(3, redone[2].chain or b"", b"forged")]
    assert faults(redone, forged) == [Fault(3, "the checkpoint's signature is wrong")]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_gap_is_found(gone: int) -> None:
    entries, signed = journal(4)
    del entries[gone]
    assert [fault.seq for fault in faults(entries, signed)] == [gone + 2]


def test_a_reorder_is_found() -> None:
    entries, signed = journal(4)
    entries[1], entries[2] = entries[2], entries[1]
    assert faults(entries, signed)


def test_a_truncation_is_found_by_its_checkpoint() -> None:
    entries, signed = journal(4)
    assert faults(entries[:2], signed)[-1] == Fault(4, "the row that this checkpoint signed is gone")


def test_a_truncation_with_its_checkpoint_leaves_rows_that_none_covers() -> None:
    entries, signed = journal(4, checkpoints=(2, 4))
    assert faults(entries[:3], signed[:1]) == [Fault(3, "no checkpoint covers this row")]


def test_a_chain_taken_off_is_found() -> None:
    entries, signed = journal(3)
    entries[1] = replace(entries[1], digest=None, chain=None)
    assert Fault(2, "the chain was taken off this row") in faults(entries, signed)


def test_the_order_of_data_does_not_matter_and_its_borders_do() -> None:
    event = Event(kind=Kind.SIGNED_IN, subject="é", at=1.0, data={"a": "1", "b": "2"})
    assert digest(event) == digest(replace(event, data={"b": "2", "a": "1"}, at=1))
    assert digest(replace(event, subject="ab", actor="c")) != digest(replace(event, subject="a", actor="bc"))
