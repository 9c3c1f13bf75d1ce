from doorward.crypto.digest import Peppers
from doorward.crypto.token_csrf import TokenCsrf


def test_one_for_each_grant_the_same_on_every_worker_and_another_after_the_pepper_was_rotated() -> None:
    peppers = Peppers({"a": b"a" * 32}, "a")
    csrf = TokenCsrf(peppers)
    one = csrf.of("g1")
    assert one == TokenCsrf(Peppers({"a": b"a" * 32}, "a")).of("g1")
    assert one != csrf.of("g2")
    assert len(one) == 64
    peppers.adopt({"b": b"b" * 32, "a": b"a" * 32}, "b")
    assert csrf.of("g1") != one
