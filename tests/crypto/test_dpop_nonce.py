import pytest

from doorward.crypto.digest import Peppers
from doorward.crypto.dpop_nonce import DpopNonces

KEY, OTHER = b"k" * 32, b"o" * 32
START = 1_800_000_000.0 // 60 * 60


class Clock:
    now = START

    def __call__(self) -> float:
        return self.now


def nonces(clock: Clock, **keys: bytes) -> DpopNonces:
    keys = keys or {"p": KEY}
    return DpopNonces(Peppers(keys, next(iter(keys))), clock, 180.0)


@pytest.mark.rfc("9449", "8")
def test_workers_with_one_pepper_agree_and_others_do_not() -> None:
    clock = Clock()
    given = nonces(clock).current()
    assert nonces(clock).takes(given)
    assert not nonces(clock, p=OTHER).takes(given)
    assert not nonces(clock).takes(given[:-1] + ("A" if given[-1] != "A" else "B"))
    assert not nonces(clock).takes("")


@pytest.mark.rfc("9449", "8.2")
@pytest.mark.parametrize(
    ("later", "taken", "newest"), [(0, True, True), (59, True, True), (60, True, False), (179, True, False), (180, False, False)]
)
def test_a_new_one_each_minute_and_the_old_one_is_taken_for_three(later: int, taken: bool, newest: bool) -> None:
    clock = Clock()
    ours = nonces(clock)
    given = ours.current()
    clock.now = START + later
    assert ours.takes(given) is taken
    assert (ours.current() == given) is newest


def test_a_worker_whose_clock_is_behind_takes_what_the_other_gave() -> None:
    clock = Clock()
    clock.now = START + 60
    given = nonces(clock).current()
    clock.now = START + 1
    assert nonces(clock).takes(given)
    clock.now = START - 1
    assert not nonces(clock).takes(given)


def test_a_rotation_of_the_peppers_ends_none() -> None:
    clock = Clock()
    peppers = Peppers({"old": OTHER}, "old")
    ours = DpopNonces(peppers, clock, 180.0)
    given = ours.current()
    peppers.adopt({"new": KEY, "old": OTHER}, "new", {"foreign": b"short"})
    assert ours.takes(given)
    assert ours.current() != given
    peppers.adopt({"new": KEY}, "new")
    assert not ours.takes(given)
