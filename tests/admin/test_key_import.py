import hashlib
import os
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.admin import keys
from doorward.admin.actor import LOCAL, Actor
from doorward.admin.key_csv import BadLines, ImportOrder, read_keys
from doorward.admin.key_import import Imported, import_keys
from doorward.admin.keys import KeyOptions
from doorward.admin.mistake import Mistake, NotAllowed, Taken
from doorward.core.event import Kind
from tests.methods.place import NOW, Place

HEADING = "id,name,owner,hash,start,scopes,expires\n"
ORDER = ImportOrder(form="sha256-hex")


def digest(number: object) -> str:
    return hashlib.sha256(f"key{number}".encode()).hexdigest()


def rows(*numbers: int) -> list[str]:
    return [HEADING, *(f"old-{number},till {number},shop,{digest(number)},key{number},read:pets,\n" for number in numbers)]


async def bring(place: Place, lines: Sequence[str], order: ImportOrder = ORDER, actor: Actor = LOCAL, max_age: float = 0.0) -> Imported:
    options = KeyOptions(max_age=max_age)
    return await import_keys(lambda: lines, order, store=place.store, actor=actor, options=options, entropy=os.urandom, now=place.now)


async def problems(place: Place, lines: Sequence[str], order: ImportOrder = ORDER) -> list[int]:
    with pytest.raises(BadLines) as caught:
        await bring(place, lines, order)
    assert await keys.every(store=place.store) == []
    return [number for number, _ in caught.value.problems]


async def test_many_keys_are_added_and_running_it_again_adds_nothing(place: Place) -> None:
    lines = rows(*range(450))
    assert await bring(place, lines) == Imported(450, 0)
    assert await bring(place, lines) == Imported(0, 450)
    assert await bring(place, [*lines, *rows(451)[1:]]) == Imported(1, 450)
    assert len(await keys.every(store=place.store)) == 451
    kinds = [entry.event.kind for entry in await place.store.journal.last(50)]
    assert kinds == [Kind.KEY_IMPORTED] * 4


async def test_progress_goes_over_reading_and_writing(place: Place) -> None:
    seen: list[int] = []
    options = KeyOptions()
    await import_keys(
        lambda: rows(1, 2, 3), ORDER, store=place.store, actor=LOCAL, options=options, entropy=os.urandom, now=NOW, progress=seen.append
    )
    assert seen == [1, 2, 3, 4, 5, 6]


async def test_without_ids_running_it_again_adds_nothing_either(place: Place) -> None:
    lines = ["owner,hash\n", f"shop,{digest(1)}\n"]
    assert await bring(place, lines) == Imported(1, 0)
    assert await bring(place, lines) == Imported(0, 1)


async def test_every_wrong_line_is_named_and_nothing_is_added(place: Place) -> None:
    good = rows(1, 2, 3)
    bad = [
        good[0],
        good[1],
        good[2].replace(digest(2), "xyz"),
        good[3].replace("old-3", "old 3"),
        good[1],
        f"old-4,till,shop,{digest(4)},,read:pets,soon\n",
        f"old-5,till,shop,{digest(1)},,,\n",
        f"old-6,till,,{digest(6)},,,\n",
    ]
    assert await problems(place, bad) == [3, 4, 5, 6, 7, 8]


async def test_a_line_with_another_number_of_cells_is_named(place: Place) -> None:
    assert await problems(place, [*rows(1), "a,b\n"]) == [3]


@pytest.mark.parametrize("heading", ["id,name\n", "owner,hash,hash\n", "owner,hash,colour\n", "\n", ""])
async def test_a_wrong_heading_is_told(place: Place, heading: str) -> None:
    assert await problems(place, [heading, f"shop,{digest(1)}\n"]) == [1]


async def test_a_heading_may_have_another_order_and_a_byte_order_mark(place: Place) -> None:
    assert await bring(place, ["\ufeffHash,Owner\r\n", f"{digest(1)},shop\r\n"]) == Imported(1, 0)


async def test_the_hash_does_not_stand_in_the_message(place: Place) -> None:
    with pytest.raises(BadLines) as caught:
        await bring(place, [HEADING, f"a,b,shop,{digest(1)}ff,,,\n"])
    assert digest(1) not in str(caught.value)


async def test_expires_is_a_date_or_seconds(place: Place) -> None:
    lines = [
        HEADING,
        *(f"k{n},n,shop,{digest(n)},,,{text}\n" for n, text in enumerate(["2027-01-31", "2027-01-31T12:00:00+01:00", "1800000060", ""])),
    ]
    await bring(place, lines)
    ends = [(await keys.show(f"k{n}", store=place.store)).expires_at for n in range(4)]
    assert ends == [1801353600.0, 1801393200.0, 1800000060.0, None]


async def test_an_id_or_a_hash_of_another_key_is_not_taken_over(place: Place) -> None:
    await bring(place, rows(1))
    with pytest.raises(Taken, match="id"):
        await bring(place, [HEADING, f"old-1,n,shop,{digest(2)},,,\n"])


async def test_keys_found_by_their_start_need_one_and_few_alike(place: Place) -> None:
    order = ImportOrder(form="blake3-salt-hex")
    salted = [f"k{n},n,shop,s{n}:{'0' * 64},acme,,\n" for n in range(17)]
    assert await problems(place, [HEADING, *salted], order) == [18]
    assert await problems(place, [HEADING, salted[0].replace("acme", "ac")], order) == [2]


async def test_keys_of_earlier_imports_count_among_those_of_a_start(place: Place) -> None:
    order = ImportOrder(form="blake3-salt-hex")
    salted = [f"k{n},n,shop,s{n}:{'0' * 64},acme,,\n" for n in range(17)]
    assert await bring(place, [HEADING, *salted[:10]], order) == Imported(10, 0)
    with pytest.raises(BadLines, match="start acme") as caught:
        await bring(place, [HEADING, *salted[10:]], order)
    assert [line for line, _ in caught.value.problems] == [8]
    assert len(await keys.every(store=place.store)) == 10, "nothing was written"
    assert await bring(place, [HEADING, *salted[:16]], order) == Imported(6, 10)
    looked_up = f"fast,n,shop,{digest(1)},acme,,\n"
    with pytest.raises(BadLines):
        await bring(place, [HEADING, looked_up])
    await keys.revoke("k0", store=place.store, actor=LOCAL, now=place.now)
    assert await bring(place, [HEADING, salted[16]], order) == Imported(1, 0), "one that is revoked hides no other"


async def test_any_number_of_keys_that_are_looked_up_have_one_start(place: Place) -> None:
    lines = [HEADING, *(f"k{n},n,shop,{digest(n)},acme,,\n" for n in range(20))]
    assert await bring(place, lines) == Imported(20, 0)
    assert await bring(place, [HEADING, f"k20,n,shop,{digest(20)},acme,,\n"]) == Imported(1, 0)


async def test_scopes_and_ends_are_held_to_the_rules_for_new_keys(place: Place) -> None:
    with pytest.raises(NotAllowed):
        await bring(place, rows(1), actor=Actor("keeper"))
    with pytest.raises(BadLines, match="max_age"):
        await bring(place, rows(1), max_age=60.0)


@pytest.mark.parametrize(
    "order", [ImportOrder(form="md5-hex"), ImportOrder(form="hmac-sha256-hex"), ImportOrder(form="sha256-hex", pepper_id="p1")]
)
async def test_a_wrong_format_is_told_before_the_file_is_read(place: Place, order: ImportOrder) -> None:
    with pytest.raises(Mistake):
        await bring(place, ["not even read"], order)


@given(st.lists(st.text(max_size=80), max_size=8), st.sampled_from(["sha256-hex", "bcrypt", "blake3-salt-hex"]))
@settings(max_examples=150)
def test_any_text_is_read_or_told_with_the_line(lines: list[str], form: str) -> None:
    def read(lines: list[str]) -> None:
        try:
            for _, key in read_keys(lines, ImportOrder(form=form), options=KeyOptions(), entropy=os.urandom, now=NOW):
                assert key.owner
        except BadLines as reason:
            assert all(number >= 1 for number, _ in reason.problems)

    read(lines)
    read([HEADING, *lines])


def test_a_line_without_end_is_refused() -> None:
    with pytest.raises(BadLines, match="longer"):
        list(read_keys([HEADING, "x" * 20_000], ORDER, options=KeyOptions(), entropy=os.urandom, now=NOW))
