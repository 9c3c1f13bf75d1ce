from collections.abc import Hashable
from pathlib import Path

from doorward.core.event import Change, Topic
from doorward.core.store import Tx
from doorward.oauth.last_change import LastChange
from tests.methods.place import NOW, Place, a_place


async def announced(place: Place) -> int:
    async def work(tx: Tx) -> int:
        return await tx.announce(Change(topic=Topic.SUBJECT, id="alice", at=NOW, until=NOW + 60))

    return await place.store.write(work)


async def test_it_is_read_again_when_anything_was_committed(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        change = LastChange(place.store.changes, place.store.credentials.version, lambda: None)
        before = await change.seq()
        assert await change.seq() == before
        assert await announced(place) == await change.seq() > before


async def test_whoever_is_proven_after_the_reading_is_proven_by_a_version_of_then(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        looked: list[int] = []
        change = LastChange(place.store.changes, place.store.credentials.version, lambda: looked.append(1))
        await change.seq()
        await change.seq()
        assert len(looked) == 1
        await announced(place)
        await change.seq()
        assert len(looked) == 2


async def test_where_the_version_cannot_be_told_it_is_read_each_time(tmp_path: Path) -> None:
    async with a_place(tmp_path) as place:
        versions: list[Hashable | None] = [None]
        change = LastChange(place.store.changes, lambda: versions[0], lambda: None)
        await change.seq()
        assert await announced(place) == await change.seq()
        versions[0] = "one"
        seen = await change.seq()
        await announced(place)
        assert await change.seq() == seen, "of the version that it was read under"
