"""core/event.py: what becomes of each thing that happens is said once, and of all."""

from doorward.core.event import COUNTED_ONLY, JOURNALED, READ_ONLY, SUMMED, Kind


def test_every_kind_is_journaled_or_summed_or_only_counted() -> None:
    assert set(Kind) == JOURNALED | SUMMED | COUNTED_ONLY | READ_ONLY
    assert len(JOURNALED) + len(SUMMED) + len(COUNTED_ONLY) + len(READ_ONLY) == len(Kind)


def test_a_flood_of_refusals_or_admissions_is_never_a_row_each() -> None:
    assert Kind.REFUSED not in JOURNALED
    assert Kind.ADMITTED not in JOURNALED | SUMMED
